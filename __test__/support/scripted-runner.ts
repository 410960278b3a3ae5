/** A runner that follows a script and keeps what it was called with. */
import type { EventEmitter, GenerateRequest, RunnerEvent, RunnerResult } from 'car-inference';

export interface Run {
  readonly request: GenerateRequest;
  readonly emitter: EventEmitter;
}

export type Script = {
  /** Emitted in order. */
  readonly events?: readonly RunnerEvent[];
  /** Returned at the end. */
  readonly result?: RunnerResult;
  /** Thrown at the end instead. */
  readonly fails?: unknown;
};

/** Emits its script on every run. `runs` holds every call it got. */
export class ScriptedRunner {
  readonly runs: Run[] = [];
  readonly #scripts: readonly Script[];

  /** @param scripts one for each run; the last one also for all later runs. */
  constructor(...scripts: readonly Script[]) {
    this.#scripts = scripts;
  }

  async run(request: GenerateRequest, emitter: EventEmitter): Promise<RunnerResult | undefined> {
    const script = this.#scripts[Math.min(this.runs.length, this.#scripts.length - 1)] ?? {};
    this.runs.push({ request, emitter });
    for (const event of script.events ?? []) await emitter.emit(event);
    if ('fails' in script) throw script.fails;
    return script.result;
  }
}

export function text(value: string): { type: 'text-delta'; text: string } {
  return { type: 'text-delta', text: value };
}

export function done(value = ''): { type: 'done'; text: string; toolCalls: never[] } {
  return { type: 'done', text: value, toolCalls: [] };
}

/** Both ways of writing a runner that streams these events, and then fails when `fails` is given. */
export function bothWays(events: readonly unknown[], ending?: { fails: unknown }) {
  return {
    'an emitter runner': async (_request: GenerateRequest, emitter: EventEmitter): Promise<void> => {
      for (const event of events) await emitter.emit(event as RunnerEvent);
      if (ending !== undefined) throw ending.fails;
    },
    'a generator runner': async function* (): AsyncGenerator<RunnerEvent, void, undefined> {
      for (const event of events) yield event as RunnerEvent;
      if (ending !== undefined) throw ending.fails;
    },
  };
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
