/** One call's timer. Rust says when to look again and what has struck; this only looks. */

import { quietTimer } from './deadlines';
import { Deadline, native } from './native';

/** How soon to look again when a strike has not been dealt with yet. */
const RETRY_MS = 1;

export interface ClockedCall {
  readonly id: number;
  /** For how long the runner has been waited for. */
  waitedMs(): number;
  /** A timeout stopped the call. Answers whether that was news. */
  timedOut(): boolean;
  /** The grace period is over; the ending is there. */
  sealed(): void;
  /** The grace period is over; the ending is there once the log has committed. */
  sealing(): void;
}

export class CallClock {
  readonly #call: ClockedCall;
  readonly #look = (): void => this.check();
  #timer: NodeJS.Timeout | undefined;

  constructor(call: ClockedCall) {
    this.#call = call;
  }

  get isRunning(): boolean {
    return this.#timer !== undefined;
  }

  /** Asks Rust what the time means, and sets the timer for the next look. */
  check(): void {
    this.stop();
    const answer = native.deadline(this.#call.id, this.#call.waitedMs());
    if (answer >= 0) this.#timer = quietTimer(this.#look, answer);
    else if (answer === Deadline.SEALED) this.#call.sealed();
    else if (answer === Deadline.SEALING) this.#call.sealing();
    else if (answer === Deadline.TIMED_OUT && !this.#call.timedOut()) this.#timer = quietTimer(this.#look, RETRY_MS);
  }

  /** Runs something else after a while, instead of looking. */
  after(delayMs: number, run: () => void): void {
    this.stop();
    this.#timer = quietTimer(() => {
      this.#timer = undefined;
      run();
    }, delayMs);
  }

  /** Keeps the process alive until the next look. */
  hold(): void {
    this.#timer?.ref();
  }

  stop(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
