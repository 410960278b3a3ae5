/** The stream a consumer holds: a thin face over one call. Holds no state of its own, so that losing it can be noticed. */

import type { Completion, StreamEvent } from '../native/types';
import type { Call } from './call';
import { watchForForgetting } from './forgotten';
import { quiet } from './outlet';
import { type ReadableOptions, readableChunks, readableOf } from './readable';
import { StreamLoop } from './stream-loop';
import { TextStream } from './text-stream';

/**
 * One call's events as an async generator. Nothing starts before the first pull, `result()`, `started()` or `detach()`.
 *
 * Leaving the loop early cancels the runner; `detach()` lets it run on. A failed call throws its typed error once, after
 * the events that came before it.
 *
 * @example
 * for await (const event of stream) {
 *   if (event.type === 'text-delta') process.stdout.write(event.text);
 * }
 * const { usage } = await stream.result();
 */
export class TrackedStream implements AsyncGenerator<StreamEvent, void, undefined> {
  readonly #call: Call;

  /** Streams come from `engine.generateTrackedStream()`. @internal */
  constructor(call: Call) {
    this.#call = call;
    watchForForgetting(this, call.ticket);
  }

  /** The id under which the log knows this call. Empty when the request was refused before it got one. */
  get traceId(): string {
    return this.#call.traceId;
  }

  /** The id of the model that serves the call, or served it in the end. */
  get modelUsed(): string {
    return this.#call.modelUsed;
  }

  /**
   * The next event. Several calls at once are answered in order.
   *
   * @throws the call's typed error, once; the signal's own reason after an abort.
   */
  next(): Promise<IteratorResult<StreamEvent, void>> {
    return this.#call.next();
  }

  /**
   * Starts the call. Resolves at the first event, or when the call completes without one. Rejects when the call fails
   * before its first event. The event stays in the stream: a loop after this gets all events.
   *
   * Use it to choose the HTTP status before you send the first byte of a response. For a detached call whose runner is in
   * another thread, it resolves at the end of the call.
   *
   * @throws the call's typed error, or the signal's own reason after an abort. If you do not await the promise, its
   *   rejection is not reported as unhandled.
   *
   * @example
   * const stream = engine.generateTrackedStream({ model: 'gpt-5', prompt: 'hi' });
   * try {
   *   await stream.started();
   * } catch (error) {
   *   return new Response(error.message, { status: 502 });
   * }
   */
  started(): Promise<void> {
    return this.#call.started();
  }

  /** Leaves the stream: cancels the runner and resolves when it has stopped, at the latest after the grace period. */
  async return(value?: void | PromiseLike<void>): Promise<IteratorResult<StreamEvent, void>> {
    // It may fail while the runner is waited for; whoever called this is told then.
    const given = quiet(Promise.resolve(value));
    await this.#call.leave();
    return { done: true, value: await given };
  }

  /** Leaves the stream as `return` does, then rejects with `error`. */
  async throw(error: unknown): Promise<IteratorResult<StreamEvent, void>> {
    await this.#call.leave();
    throw error;
  }

  /**
   * The folded result: text, tool calls, usage, stop reason and the rest. Starts the call. When nobody iterates, it takes
   * the events itself; a loop that begins in the same tick still gets all of them. Beside a slow loop it fetches ahead:
   * up to `limits.unawaitedEventsMax` events then wait for the loop, and as many bytes as `limits.callBytesMax` allows.
   *
   * @throws what the loop would throw, the same object.
   */
  result(): Promise<Completion> {
    return this.#call.result();
  }

  /**
   * Cancels the call. Pulls throw a `CancelledError` whose `cause` is the reason, with the partial text and usage.
   *
   * @param reason anything; reaches the runner's signal as the cause of a `CancelledError`.
   * @returns a promise that resolves when the runner has stopped, at the latest after the grace period; never rejects.
   */
  cancel(reason?: unknown): Promise<void> {
    this.#call.stop(
      'consumer',
      reason === undefined ? undefined : { value: reason },
      'the consumer cancelled the call',
    );
    return this.#call.over();
  }

  /** Lets the call run to its end without a consumer: it is recorded, `result()` works, and pulls end at once. */
  detach(): void {
    this.#call.detach();
  }

  /** The text alone, delta by delta. Shares the stream: use it instead of iterating, not beside it. */
  get textStream(): AsyncGenerator<string, void, undefined> {
    return new TextStream(this);
  }

  /**
   * The stream as a web `ReadableStream`. Pulls only as it is read; cancelling it cancels the call.
   *
   * @param options `as`: the kind of chunks. `'events'` (the default) yields event objects. `'bytes'` yields each event as
   *   one line of JSON in UTF-8, for a `Response` with the content type `application/x-ndjson`.
   * @throws StreamLockedError when a loop or another readable is reading or has read this stream; InvalidRequestError when
   *   `as` is neither, or for an unknown option.
   *
   * @example
   * for await (const event of stream.toReadableStream()) console.log(event.type);
   *
   * @example
   * return new Response(stream.toReadableStream({ as: 'bytes' }), { headers: { 'content-type': 'application/x-ndjson' } });
   */
  toReadableStream(options: ReadableOptions & { as: 'bytes' }): ReadableStream<Uint8Array<ArrayBuffer>>;
  toReadableStream(options?: ReadableOptions & { as?: 'events' | undefined }): ReadableStream<StreamEvent>;
  toReadableStream(options?: ReadableOptions): ReadableStream<Uint8Array<ArrayBuffer>> | ReadableStream<StreamEvent> {
    const chunks = readableChunks(options);
    this.#call.claim('a readable stream');
    return readableOf(chunks, {
      next: () => this.next(),
      cancel: (reason) => {
        this.#call.unclaim();
        return this.cancel(reason);
      },
    });
  }

  /**
   * A loop over what has not been read yet.
   *
   * @throws StreamLockedError when another loop, `textStream` or readable is reading or has read this stream: events are
   *   delivered once.
   */
  [Symbol.asyncIterator](): AsyncGenerator<StreamEvent, void, undefined> {
    this.#call.claim('a loop');
    return new StreamLoop(this, this.#call);
  }

  /** Leaves the stream: `await using stream = …` cancels what is still running at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#call.leave();
  }
}
