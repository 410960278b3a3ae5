/** Export and import: JSON Lines between a log and a stream, neither faster than the other. */

import type { Readable, Writable } from 'node:stream';
import { types } from 'node:util';
import type { CallRecord, ImportReport } from '../native/types';
import { LogError } from './errors';
import { describe } from './json';
import { LineDecoder } from './line-decoder';
import type { LogHandle } from './log-handle';

/** How many characters of lines are given to the log at once. */
const LINES_LENGTH = 1 << 20;

let lastImport = 0;

export async function exportLines(
  handle: LogHandle,
  calls: AsyncIterable<CallRecord>,
  stream: Writable,
): Promise<{ calls: number }> {
  if (!isWritable(stream)) {
    throw new TypeError(
      `export: expected a writable stream, such as createWriteStream('calls.jsonl') or process.stdout, got ${describe(stream)}`,
    );
  }
  const outlet = new Outlet(stream);
  let count = 0;
  try {
    await outlet.write(await handle.ask<string>({ type: 'export-header' }));
    for await (const { traceId, status, erasedAt } of calls) {
      if (status === 'open' || erasedAt !== undefined) continue;
      const lines = await handle.ask<string | null>({ type: 'export-call', traceId });
      // Pruned or erased since it was listed.
      if (lines === null) continue;
      await outlet.write(lines);
      count += 1;
    }
  } finally {
    outlet.leave();
  }
  return { calls: count };
}

function isWritable(stream: unknown): stream is Writable {
  const { write, on } = (stream ?? {}) as Partial<Writable>;
  return typeof stream === 'object' && typeof write === 'function' && typeof on === 'function';
}

/** Strings and bytes are iterable too, but per character and per number. */
function isReadable(stream: unknown): stream is AsyncIterable<string | Uint8Array> {
  if (typeof stream !== 'object' || stream === null || ArrayBuffer.isView(stream)) return false;
  return Symbol.asyncIterator in stream || Symbol.iterator in stream;
}

/** A value that is not a stream, for the error message. */
function given(value: unknown): string {
  if (Buffer.isBuffer(value)) return 'a Buffer';
  return types.isUint8Array(value) ? 'a Uint8Array' : describe(value);
}

/** A stream that is written to as fast as it takes it. Its failures are told to who writes, not to the process. */
class Outlet {
  readonly #stream: Writable;
  #failure: { error: unknown } | undefined;
  #drained: (() => void) | undefined;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on('error', this.#fail).on('close', this.#close).on('drain', this.#drain);
  }

  /** @throws what the stream has failed with. */
  async write(text: string): Promise<void> {
    const stream = this.#stream;
    if (stream.errored) this.#fail(stream.errored);
    else if (stream.destroyed || stream.writableEnded) this.#close();
    if (this.#failure === undefined && !stream.write(text)) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  leave(): void {
    this.#stream.off('error', this.#fail).off('close', this.#close).off('drain', this.#drain);
  }

  readonly #fail = (error: unknown): void => {
    this.#failure ??= { error };
    this.#drain();
  };

  readonly #close = (): void => {
    this.#fail(this.#stream.errored ?? new Error('the stream was closed before it took everything'));
  };

  readonly #drain = (): void => {
    this.#drained?.();
    this.#drained = undefined;
  };
}

/** A stream without line feeds must not fill the memory; a line holds one event at most. */
const LINE_LENGTH_MAX = 2 ** 28;

function invalid(message: string): LogError {
  return new LogError(message, { reason: 'invalid-input' });
}

export async function importLines(
  handle: LogHandle,
  stream: Readable | AsyncIterable<string | Uint8Array>,
): Promise<ImportReport> {
  if (!isReadable(stream)) {
    throw new TypeError(
      `import: expected a readable stream or an iterable of its chunks, got ${given(stream)}; for a file pass ` +
        "createReadStream('calls.jsonl'), for a string pass [text], for a Buffer pass [buffer]",
    );
  }
  lastImport = (lastImport + 1) % 2 ** 32;
  // Imports into one log may go on beside each other.
  const question = { type: 'import', import: lastImport };
  const decoder = new LineDecoder();
  try {
    for await (const chunk of stream) {
      const problem = decoder.write(chunk);
      if (decoder.length >= LINES_LENGTH || problem !== undefined) {
        await handle.ask({ ...question, lines: decoder.takeLines(), last: false });
      }
      if (problem !== undefined) throw invalid(problem);
      if (decoder.restLength > LINE_LENGTH_MAX) {
        throw invalid(`a line has more than ${LINE_LENGTH_MAX} characters; this is not an export of a log`);
      }
    }
    const problem = decoder.end();
    const report = await handle.ask<ImportReport>({
      ...question,
      lines: decoder.takeLines(),
      last: problem === undefined,
    });
    if (problem !== undefined) throw invalid(problem);
    return report;
  } catch (error) {
    // What went wrong is known already.
    await handle.ask({ ...question, type: 'import-abandoned' }).catch(() => undefined);
    throw error;
  }
}
