/** One loop over a stream: what `for await` gets. A stream has one at a time, because two would share out the events. */

import type { StreamEvent } from '../native/types';
import type { Call } from './call';
import type { Outlet } from './outlet';
import type { TrackedStream } from './tracked-stream';

type Result = IteratorResult<StreamEvent, void>;

export class StreamLoop implements AsyncGenerator<StreamEvent, void, undefined> {
  readonly #outlet: Outlet;
  readonly #call: Call;
  // A stream that is read is not forgotten.
  readonly #stream: TrackedStream;

  constructor(stream: TrackedStream, call: Call) {
    this.#outlet = call.outlet;
    this.#call = call;
    this.#stream = stream;
  }

  next(): Promise<Result> {
    return this.#outlet.pull() ?? this.#call.next();
  }

  return(value?: void | PromiseLike<void>): Promise<Result> {
    return this.#stream.return(value);
  }

  throw(error: unknown): Promise<Result> {
    return this.#stream.throw(error);
  }

  /** A loop that goes on with this one. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stream[Symbol.asyncDispose]();
  }
}
