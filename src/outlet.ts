/**
 * The consumer's end of one call: the pulls that wait for an event, and the events that wait for a pull; never both.
 * Hands the failure over exactly once. Starts nothing and sets no bound.
 *
 * Of nearly every event it is the whole way: a consumer that waits, a runner that is pulled, and nothing else that has to
 * hear of either. While that is so the call connects the two here, and neither pull nor event touches the call.
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

/** A runner that answers each pull with one event. */
export interface PulledSource {
  /** Pulls the next event, unless one is on its way or none will come. */
  ask(): void;
}

export class Outlet {
  /** Set while a pull and an event concern nobody but the two. */
  #source: PulledSource | undefined;
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

  /** From now on pulls go straight to the source and its events straight to them; undefined when more is to be done. */
  connect(source: PulledSource | undefined): void {
    this.#source = this.#dropped || this.#discards ? undefined : source;
  }

  /** A pull that has been passed on to the source. Undefined when there is more to it. */
  pull(): Promise<Result> | undefined {
    const source = this.#source;
    if (source === undefined || this.#resolve !== undefined || this.length !== 0) return undefined;
    const pull = this.wait();
    source.ask();
    return pull;
  }

  /** Answers the one pull that waits with the source's event. False when there is more to it: then `deliver` does it. */
  answer(result: Result): boolean {
    const resolve = this.#resolve;
    if (resolve === undefined || this.#source === undefined || this.#line !== undefined) return false;
    this.#resolve = undefined;
    resolve(result);
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
    this.#source = undefined;
    this.#discards = true;
    this.#queue?.clear();
  }

  /** The call was stopped: drops what waits and all that will come. The failure is still handed over. */
  drop(): void {
    this.#source = undefined;
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
    this.#source = undefined;
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
