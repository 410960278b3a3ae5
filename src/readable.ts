/** A call's events as a web `ReadableStream`: as objects, or as lines of JSON. Does not depend on calls. */

// Imported, because a context of `vm` may lack the globals.
import { ReadableStream, type UnderlyingSource } from 'node:stream/web';
import { TextEncoder } from 'node:util';
import type { StreamEvent } from '../native/types';
import { describe } from './json';
import { type Fields, hostOptions, invalid } from './options';

/** What a chunk of a readable stream is. */
export type ReadableChunks = 'events' | 'bytes';

/** Options of `toReadableStream`. */
export interface ReadableOptions {
  /** `'events'` (the default): event objects. `'bytes'`: each event as one line of JSON in UTF-8. */
  as?: ReadableChunks | undefined;
}

/** The source of the events; it is told when the reader cancels. */
export interface ReadableSource {
  next(): Promise<IteratorResult<StreamEvent, void>>;
  cancel(reason: unknown): Promise<void>;
}

const WHAT = 'options of toReadableStream';
const OPTIONS: Fields<ReadableOptions> = { as: 'host' };

/** @throws InvalidRequestError when the options are not valid. */
export function readableChunks(options: ReadableOptions | undefined): ReadableChunks {
  if (options === undefined) return 'events';
  if (typeof options !== 'object' || options === null) {
    const message = `expected an object such as { as: 'bytes' }, got ${describe(options)}`;
    throw invalid(WHAT, [{ path: 'options', message }]);
  }
  const { as = 'events' } = hostOptions(WHAT, options, OPTIONS);
  if (as === 'events' || as === 'bytes') return as;
  const given = typeof as === 'string' ? JSON.stringify(as) : describe(as);
  throw invalid(WHAT, [{ path: 'as', message: `expected 'events' or 'bytes', got ${given}` }]);
}

/** Pulls only when it is read, one event per chunk. */
export function readableOf(
  chunks: ReadableChunks,
  source: ReadableSource,
): ReadableStream<Uint8Array<ArrayBuffer>> | ReadableStream<StreamEvent> {
  return chunks === 'bytes'
    ? new ReadableStream<Uint8Array<ArrayBuffer>>(underlying(source, lineOf), PULL_ONLY)
    : new EventReadable(
        underlying(source, (event) => event),
        PULL_ONLY,
      );
}

const PULL_ONLY = { highWaterMark: 0 };

function underlying<Chunk>(source: ReadableSource, chunkOf: (event: StreamEvent) => Chunk): UnderlyingSource<Chunk> {
  return {
    pull: async (controller) => {
      const { done, value } = await source.next();
      if (done) controller.close();
      else controller.enqueue(chunkOf(value));
    },
    cancel: (reason) => source.cancel(reason),
  };
}

const encoder = new TextEncoder();

function lineOf(event: StreamEvent): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${JSON.stringify(event)}\n`);
}

/**
 * A stream of event objects. Node's `Response` and `fetch` take only bytes; for other chunks their error is just "Received
 * non-Uint8Array chunk". So when one of them starts to read, this class throws a helpful error and the call does not start.
 */
class EventReadable extends ReadableStream<StreamEvent> {
  override getReader = ((...options: []) => {
    refuseFetch(this.getReader);
    return super.getReader(...options);
  }) as ReadableStream<StreamEvent>['getReader'];

  override values = ((...options: []) => {
    refuseFetch(this.values);
    return super.values(...options);
  }) as ReadableStream<StreamEvent>['values'];

  override [Symbol.asyncIterator] = ((...options: []) => {
    refuseFetch(this[Symbol.asyncIterator]);
    return super.values(...options);
  }) as ReadableStream<StreamEvent>[typeof Symbol.asyncIterator];
}

// Kept here, because other code may remove it.
const { captureStackTrace } = Error;

/** Throws when Node's `fetch` has called `method`. A reader of the host's own may convert the events to bytes. */
function refuseFetch(method: (...options: never[]) => unknown): void {
  const at: { stack?: unknown } = {};
  captureStackTrace(at, method);
  const caller = typeof at.stack === 'string' ? at.stack.split('\n')[1] : undefined;
  if (caller?.includes('node:internal/deps/undici') !== true) return;
  throw new TypeError(
    "toReadableStream() yields event objects, but a Response or a request takes bytes: use toReadableStream({ as: 'bytes' })",
  );
}
