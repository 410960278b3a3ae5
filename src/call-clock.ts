/** One call's alarm. Rust says when to look again and what has struck; this only looks. */

import { Alarm } from './alarm';
import { Deadline, native } from './native';

/** How soon to look again when a strike has not been dealt with yet. */
const RETRY_MS = 1;

export interface ClockedCall {
  readonly id: number;
  /** For how long the runner has been waited for. */
  waitedMs(): number;
  /** When to look again, of a time that has `leftMs` to run. */
  nextLookMs(leftMs: number): number;
  /** A timeout stopped the call. Answers whether that was news. */
  timedOut(): boolean;
  /** A timeout ended the attempt; another follows. */
  withdrawn(): void;
  /** The grace period of the withdrawn attempt's runner is over. */
  givenUp(): void;
  /** The grace period is over; the ending is there. */
  sealed(): void;
  /** The grace period is over; the ending is there once the log has committed. */
  sealing(): void;
}

export class CallClock extends Alarm {
  readonly #call: ClockedCall;
  #then: (() => void) | undefined;

  constructor(call: ClockedCall) {
    super();
    this.#call = call;
  }

  /** Asks Rust what the time means, and sets the alarm for the next look. */
  check(): void {
    this.stop();
    this.#then = undefined;
    const answer = native.deadline(this.#call.id, this.#call.waitedMs());
    if (answer >= 0) this.start(this.#call.nextLookMs(answer));
    else if (answer === Deadline.SEALED) this.#call.sealed();
    else if (answer === Deadline.SEALING) this.#call.sealing();
    else if (answer === Deadline.WITHDRAWN) this.#call.withdrawn();
    else if (answer === Deadline.GIVEN_UP) this.#call.givenUp();
    else if (answer === Deadline.TIMED_OUT && !this.#call.timedOut()) this.start(RETRY_MS);
  }

  /** Runs something else after a while, instead of looking. */
  after(delayMs: number, run: () => void): void {
    this.start(delayMs);
    this.#then = run;
  }

  override ring(): void {
    const then = this.#then;
    this.#then = undefined;
    if (then === undefined) this.check();
    else then();
  }
}
