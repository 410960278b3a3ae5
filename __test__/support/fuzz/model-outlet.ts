/** What each pull must be answered: the events that wait, the pulls that wait, never both. Knows nothing of runners. */
import type { StreamEvent } from 'car-inference';
import type { Entry, Pulled } from './trace';

/** `the failure` is the call's one error, `over` that there is nothing more. */
export type Due = { readonly event: StreamEvent } | 'the failure' | 'over';

export interface Bounds {
  readonly bufferedEventsMax: number;
  readonly unawaitedEventsMax: number;
}

export class ModelOutlet {
  readonly due = new Map<Pulled, Due>();
  /** Those pulls, in the order in which that was decided. */
  readonly decided: Pulled[] = [];
  demanded = false;
  readonly #bounds: Bounds;
  #waiting: Pulled[] = [];
  #queue: StreamEvent[] = [];
  #iterated = false;
  #discards = false;
  #dropped = false;
  #silent = false;
  #detached = false;
  #isForgotten = false;
  #isOver = false;
  #failure = false;
  /** Those who were told to wait: their promises must not be kept before there is room. */
  readonly #held = new Set<Entry>();

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  /** Whether a runner that is pulled may be asked for more. */
  get wantsMore(): boolean {
    return this.isAwaited || (this.demanded && (this.#queue.length === 0 || this.fill === 'room'));
  }

  get fill(): 'room' | 'full' | 'over' {
    const { bufferedEventsMax, unawaitedEventsMax } = this.#bounds;
    const { length } = this.#queue;
    if (length === 0) return 'room';
    // Over is only who was told to wait.
    if (length >= bufferedEventsMax + unawaitedEventsMax) return this.#held.size > 0 ? 'over' : 'full';
    return length >= (this.demanded ? unawaitedEventsMax : bufferedEventsMax) ? 'full' : 'room';
  }

  /** Whether a stream that nobody holds may be given up: nobody awaits a pull or the result. */
  get isForgettable(): boolean {
    return !this.isAwaited && !this.demanded && !this.#detached;
  }

  /** Nobody can pull any more, but the result is awaited: nothing waits from now on. Whether this changes anything. */
  forget(): boolean {
    if (!this.demanded || this.#detached || this.#isForgotten) return false;
    this.#isForgotten = true;
    this.#discards = true;
    this.#queue = [];
    this.openRoom();
    return true;
  }

  claim(): void {
    this.#iterated = true;
  }

  pull(pull: Pulled): void {
    this.#iterated = true;
    const event = this.#queue.shift();
    if (event !== undefined) {
      this.#decide(pull, { event });
      if (this.#queue.length <= this.#bounds.bufferedEventsMax / 2) this.openRoom();
    } else if (this.#isOver || this.#detached) {
      this.#decide(pull, this.#failure ? 'the failure' : 'over');
      this.#failure = false;
    } else {
      this.#waiting.push(pull);
    }
  }

  deliver(event: StreamEvent): void {
    if (this.#dropped) return;
    const pull = this.#waiting.shift();
    if (pull !== undefined) this.#decide(pull, { event });
    else if (!this.#discards) this.#queue.push(event);
  }

  demand(): void {
    if (this.#isOver) return;
    this.demanded = true;
    if (!this.#iterated) {
      this.#discards = true;
      this.#queue = [];
    }
    if (this.fill === 'room') this.openRoom();
  }

  detach(): void {
    if (this.#isOver || this.#detached) return;
    this.#detached = true;
    this.demanded = true;
    this.silence();
    this.#release();
    this.openRoom();
  }

  get isDetached(): boolean {
    return this.#detached;
  }

  /** Nothing that waits, or comes, is delivered any more; an ending is. */
  drop(): void {
    this.#dropped = true;
    this.#queue = [];
    this.openRoom();
  }

  /** Nor is the ending. */
  silence(): void {
    this.#silent = true;
    this.#failure = false;
    this.#dropped = true;
    this.#queue = [];
  }

  /** The call is over. */
  close(failed: boolean): void {
    this.#isOver = true;
    if (failed && !this.#silent) {
      const pull = this.#waiting.shift();
      if (pull === undefined) this.#failure = true;
      else this.#decide(pull, 'the failure');
    }
    this.#release();
    this.openRoom();
  }

  /** Whoever has filled the buffer was told to wait. */
  hold(offered: Entry): void {
    this.#held.add(offered);
  }

  openRoom(): void {
    this.#held.clear();
  }

  isHeld(offered: Entry): boolean {
    return this.#held.has(offered);
  }

  #decide(pull: Pulled, due: Due): void {
    this.due.set(pull, due);
    this.decided.push(pull);
  }

  #release(): void {
    for (const pull of this.#waiting) this.#decide(pull, 'over');
    this.#waiting = [];
  }
}
