/** A run whose consumer lives in the same realm: what passes the gate is handed over as it is, without decoding. */

import type { StreamEvent } from '../native/types';
import type { Call } from './call';
import { monotonicMs } from './clock';
import type { EmitOutcome } from './emitter';
import { eventBytes } from './gate';
import { native, Verdict } from './native';
import type { Outlet } from './outlet';
import { Run } from './run';

/** How long an emitter runner with room has been waited for: Rust knows better, from the last event on. */
const UNKNOWN_MS = 1e15;

/** How often a pulled runner's time is looked at while it runs. */
export const LOOKS = 16;

export class LocalRun extends Run {
  readonly #outlet: Outlet;
  readonly #call: Call;
  /** The pull that was outstanding when the clock was last looked at, and since when that is known. */
  #seenPull = 1;
  #seenAt = monotonicMs();

  constructor(call: Call) {
    super(call.id, call.scope);
    this.#outlet = call.outlet;
    this.#call = call;
  }

  /**
   * For how long the consumer has been waiting for this runner, in milliseconds. A pull takes no time itself: the clock's
   * looks find out which pull stays outstanding, so a pulled runner's time strikes late by one interval of looks.
   */
  waitedMs(): number {
    if (!this.isPulled) return this.#call.isFull ? 0 : UNKNOWN_MS;
    if (!this.isPulling) return 0;
    if (this.#call.isFull) {
      // It emits beside what it yields, and waits for room: the consumer is the slow one. Counts anew from then on.
      this.#seenPull = 0;
      return 0;
    }
    const now = monotonicMs();
    if (this.pulls !== this.#seenPull) {
      this.#seenPull = this.pulls;
      this.#seenAt = now;
    }
    return now - this.#seenAt;
  }

  /** When to look at the clock again, of a time that has `leftMs` to run. */
  nextLookMs(leftMs: number): number {
    const isKnown = !this.isPulled || (this.isPulling && this.pulls === this.#seenPull);
    return isKnown ? leftMs : leftMs / LOOKS;
  }

  protected override wants(): boolean {
    return this.#call.wantsMore;
  }

  protected override answers(result: IteratorResult<StreamEvent, void>): boolean {
    return this.#outlet.answer(result);
  }

  protected override passed(event: StreamEvent): EmitOutcome | Promise<EmitOutcome> {
    this.#call.deliver(event, eventBytes(event));
    // Also of a runner that is pulled: it may emit besides, and then nothing else slows it.
    return this.#call.accepted();
  }

  protected override judged(verdict: number): EmitOutcome | Promise<EmitOutcome> {
    const call = this.#call;
    const code = verdict & Verdict.CODE_MASK;
    // Not only in place of the event: before it there may come what it has cut off, also when it is itself no more than
    // noted, such as `done`, or the last straw.
    if (code !== Verdict.CLOSED && native.hasDeliveries(this.port)) call.deliverStandIns();
    if ((verdict & Verdict.STOPPED) !== 0) call.stopped();
    if (code === Verdict.REFUSED) return 'refused';
    if (code === Verdict.CLOSED) return 'closed';
    // Perhaps it was `done`: then the grace runs, and not the times that the clock is set for.
    if (code === Verdict.WITHHELD) call.clock.check();
    return call.accepted();
  }

  protected override settled(outcomeJson: string | undefined): void {
    try {
      this.#call.proceed(native.settle(this.port, outcomeJson));
    } catch (error) {
      this.#call.broken(error);
    }
  }

  protected override keepCause(thrown: unknown): number {
    return this.#call.keepCause(thrown);
  }
}
