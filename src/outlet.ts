/**
 * The consumer's end of one call: the pulls that wait for an event, and the events that wait for a pull; never both.
 * Hands the failure over exactly once. Starts nothing and sets no bound.
 */

import type { StreamEvent } from '../native/types';
import type { CallFailure } from './call-failure';
import { EventQueue } from './event-queue';

type Result = IteratorResult<StreamEvent, void>;
type Resolve = (result: Result) => void;
type Reject = (error: unknown) => void;

const DONE: { done: true; value: undefined } = { done: true, value: undefined };

/** A promise that nobody has to look at: its rejection is told elsewhere too, by the stream and by `result()`. */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

// One function for all outlets, so that none holds one of its own. A promise calls it before `new` is through.
let parking: Outlet | undefined;
const park = (resolve: Resolve, reject: Reject): void => parking?.enqueue(resolve, reject);

export class Outlet {
  // Made when the first event finds no pull waiting: of a runner that is pulled, none does.
  #queue: EventQueue | undefined;
  // The one pull of the common case; what else waits stands in line behind it.
  #resolve: Resolve | undefined;
  #reject: Reject | undefined;
  #pull: Promise<Result> | undefined;
  #line: Array<{ resolve: Resolve; reject: Reject; pull?: Promise<Result> }> | undefined;
  /** Events that find no pull waiting are not kept. */
  #discards = false;
  /** No event reaches anyone any more. */
  #dropped = false;
  #silent = false;
  #failure: CallFailure | undefined;

  /** Whether a pull waits. */
  get waiting(): boolean {
    return this.#resolve !== undefined;
  }

  /** How many events wait. */
  get length(): number {
    return this.#queue === undefined ? 0 : this.#queue.length;
  }

  /** Whether the consumer has left. */
  get isLeft(): boolean {
    return this.#silent;
  }

  /** Whether nothing waits for a reader, the failure neither. */
  get isDrained(): boolean {
    return this.length === 0 && this.#failure === undefined && this.#resolve === undefined;
  }

  /** How many bytes the waiting events hold, about. */
  get bytes(): number {
    return this.#queue === undefined ? 0 : this.#queue.bytes;
  }

  deliver(event: StreamEvent, bytes: number): void {
    if (this.#dropped) return;
    const resolve = this.#resolve;
    if (resolve !== undefined) {
      this.#advance();
      resolve({ value: event, done: false });
    } else if (!this.#discards) {
      this.#queue ??= new EventQueue();
      this.#queue.push(event, bytes);
    }
  }

  /** Answers the one pull that waits. False when nobody pulls, or more than one: then `deliver` does it. */
  answer(event: StreamEvent): boolean {
    const resolve = this.#resolve;
    if (resolve === undefined || this.#line !== undefined || this.#dropped) return false;
    this.#resolve = undefined;
    resolve({ value: event, done: false });
    return true;
  }

  /** The first of the waiting events. */
  take(): StreamEvent | undefined {
    return this.#queue === undefined ? undefined : this.#queue.shift();
  }

  /** A pull that waits for the next event. */
  wait(): Promise<Result> {
    parking = this;
    const pull = new Promise<Result>(park);
    // Or the last of all would never be garbage.
    parking = undefined;
    if (this.#line === undefined) {
      this.#pull = pull;
    } else {
      const last = this.#line.at(-1);
      if (last !== undefined) last.pull = pull;
    }
    return pull;
  }

  /** What a pull gets once nothing will come any more. */
  afterEnd(): Promise<Result> {
    // The failure is on its way to a pull before this one.
    if (this.#resolve !== undefined) return this.wait();
    const failure = this.#failure;
    if (failure === undefined) return Promise.resolve({ ...DONE });
    this.#failure = undefined;
    failure.captureStack();
    return quiet(Promise.reject(failure.error));
  }

  /** Nobody pulls: drops what waits, and what will come while no pull waits for it. */
  discard(): void {
    this.#discards = true;
    this.#queue?.clear();
  }

  /** The call was stopped: drops what waits and all that will come. The failure is still handed over. */
  drop(): void {
    this.#dropped = true;
    this.#queue?.clear();
  }

  /** The consumer has left: its pulls end without an event and without an error. */
  silence(): void {
    this.#silent = true;
    this.#failure = undefined;
    this.drop();
  }

  /** Ends all pulls that wait. */
  release(): void {
    for (let resolve = this.#resolve; resolve !== undefined; resolve = this.#resolve) {
      this.#advance();
      resolve({ ...DONE });
    }
  }

  /** Nothing will come any more: the failure goes to the first pull, waiting or later. */
  close(failure: CallFailure | undefined): void {
    if (failure === undefined || this.#silent) {
      this.release();
    } else if (this.#resolve === undefined) {
      this.#failure = failure;
    } else {
      failure.rejectLater(this.#resolve, (error) => this.#fail(error));
    }
  }

  #fail(error: unknown): void {
    const reject = this.#reject;
    // Also when the consumer has left since: its pull was there first.
    if (this.#resolve !== undefined && reject !== undefined) {
      if (this.#pull !== undefined) quiet(this.#pull);
      this.#advance();
      reject(error);
    }
    this.release();
  }

  /** What `park` does for the outlet whose pull it is. @internal */
  enqueue(resolve: Resolve, reject: Reject): void {
    if (this.#resolve === undefined) {
      this.#resolve = resolve;
      this.#reject = reject;
    } else {
      this.#line ??= [];
      this.#line.push({ resolve, reject });
    }
  }

  #advance(): void {
    const next = this.#line?.shift();
    if (this.#line?.length === 0) this.#line = undefined;
    this.#resolve = next?.resolve;
    this.#reject = next?.reject;
    this.#pull = next?.pull;
  }
}
