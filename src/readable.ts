/** A call's events as a web `ReadableStream`: as objects, or as lines of JSON. Does not depend on calls. */

// Imported, because a context of `vm` may lack the globals.
import { ReadableStream, type UnderlyingSource } from 'node:stream/web';
import { TextEncoder } from 'node:util';
import type { StreamEvent } from '../native/types';
import { describe } from './json';
import { type Fields, hostOptions, invalid } from './options';
import { quiet } from './outlet';

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
    ? new CallReadable<Uint8Array<ArrayBuffer>>(new Pulls(source, lineOf), nothing)
    : new CallReadable<StreamEvent>(new Pulls(source, itself), refuseFetch);
}

const PULL_ONLY = { highWaterMark: 0 };

function nothing(): void {}

function itself(event: StreamEvent): StreamEvent {
  return event;
}

/**
 * Pulls the events of a call. A new web stream calls `pull` only a moment after it is read. The call has to begin at once, so
 * that an engine which is closed in the same tick waits for it.
 */
class Pulls<Chunk> implements UnderlyingSource<Chunk> {
  #first: ReturnType<ReadableSource['next']> | undefined;
  #hasPulled = false;

  constructor(
    private readonly source: ReadableSource,
    private readonly chunkOf: (event: StreamEvent) => Chunk,
  ) {}

  /** The stream is read: makes the first pull. */
  begin(): void {
    if (this.#hasPulled) return;
    this.#hasPulled = true;
    this.#first = quiet(this.source.next());
  }

  async pull(controller: { close(): void; enqueue(chunk: Chunk): void }): Promise<void> {
    this.#hasPulled = true;
    const next = this.#first ?? this.source.next();
    this.#first = undefined;
    const { done, value } = await next;
    if (done) controller.close();
    else controller.enqueue(this.chunkOf(value));
  }

  cancel(reason: unknown): Promise<void> {
    return this.source.cancel(reason);
  }
}

const encoder = new TextEncoder();

function lineOf(event: StreamEvent): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${JSON.stringify(event)}\n`);
}

/** A web stream that begins its call as soon as it is read. `check` may refuse a reader: it is told which method it called. */
class CallReadable<Chunk> extends ReadableStream<Chunk> {
  readonly #pulls: Pulls<Chunk>;
  readonly #check: (method: (...options: never[]) => unknown) => void;

  constructor(pulls: Pulls<Chunk>, check: (method: (...options: never[]) => unknown) => void) {
    super(pulls as UnderlyingSource<Chunk>, PULL_ONLY);
    this.#pulls = pulls;
    this.#check = check;
  }

  override getReader = ((...options: []) => {
    this.#check(this.getReader);
    return this.#beginningAt('read', super.getReader(...options));
  }) as ReadableStream<Chunk>['getReader'];

  override values = ((...options: []) => {
    this.#check(this.values);
    return this.#beginningAt('next', super.values(...options));
  }) as ReadableStream<Chunk>['values'];

  override [Symbol.asyncIterator] = ((...options: []) => {
    this.#check(this[Symbol.asyncIterator]);
    return this.#beginningAt('next', super.values(...options));
  }) as ReadableStream<Chunk>[typeof Symbol.asyncIterator];

  override pipeTo = ((...given: Parameters<ReadableStream<Chunk>['pipeTo']>) => {
    const piped = super.pipeTo(...given);
    if (this.locked) this.#pulls.begin();
    return piped;
  }) as ReadableStream<Chunk>['pipeTo'];

  override pipeThrough = ((...given: Parameters<ReadableStream<Chunk>['pipeThrough']>) => {
    const piped = super.pipeThrough(...given);
    this.#pulls.begin();
    return piped;
  }) as ReadableStream<Chunk>['pipeThrough'];

  /** The reader. Calling its method `name` begins the call. */
  #beginningAt<Name extends string, Reader extends Record<Name, (...given: never[]) => unknown>>(
    name: Name,
    reader: Reader,
  ): Reader {
    const method = reader[name];
    const begin = () => this.#pulls.begin();
    const value = function (this: unknown, ...given: never[]) {
      begin();
      return method.apply(this, given);
    };
    return Object.defineProperty(reader, name, { value, configurable: true, writable: true });
  }
}

// Kept here, because other code may remove it.
const { captureStackTrace } = Error;

/**
 * Throws when Node's `fetch` has called `method`. `Response` and `fetch` take only bytes; for other chunks their error is just
 * "Received non-Uint8Array chunk". A reader of the host's own may convert the events to bytes.
 */
function refuseFetch(method: (...options: never[]) => unknown): void {
  const at: { stack?: unknown } = {};
  captureStackTrace(at, method);
  const caller = typeof at.stack === 'string' ? at.stack.split('\n')[1] : undefined;
  if (caller?.includes('node:internal/deps/undici') !== true) return;
  throw new TypeError(
    "toReadableStream() yields event objects, but a Response or a request takes bytes: use toReadableStream({ as: 'bytes' })",
  );
}
