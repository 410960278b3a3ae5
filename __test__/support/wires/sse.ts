/** The framing that all four wires share. */
export interface ServerSentEvent {
  readonly name: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: the providers' own shapes, read field by field
  readonly data: any;
}

/** What a translator makes of a recording: events for the engine, or a throw where the provider reports an error. */
export type Translate = (events: Iterable<ServerSentEvent>) => Iterable<import('car-inference').RunnerEvent>;

export function* parseServerSentEvents(body: string): Generator<ServerSentEvent> {
  for (const block of body.split(/\r?\n\r?\n/)) {
    let name: string | undefined;
    const data: string[] = [];
    for (const line of block.split(/\r?\n/)) {
      if (line.startsWith('event:')) name = line.slice(6).trim();
      else if (line.startsWith('data:')) data.push(line.slice(5).trimStart());
    }
    const text = data.join('\n');
    if (text === '' || text === '[DONE]') continue;
    yield { name, data: JSON.parse(text) };
  }
}

/** The provider's own error in mid-stream, as an SDK would throw it. */
export class ProviderError extends Error {
  readonly code: string | undefined;
  readonly error: unknown;

  constructor(error: { message?: string; code?: string; type?: string }) {
    super(error.message ?? 'the provider reported an error');
    this.name = 'ProviderError';
    this.code = error.code ?? error.type;
    this.error = error;
  }
}

/** An object without its undefined fields, as events want them. */
export function present<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)) as T;
}
