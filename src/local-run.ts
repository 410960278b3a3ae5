/** A run whose consumer lives in the same realm: what passes the gate is handed over as it is, without decoding. */

import { performance } from 'node:perf_hooks';
import type { StreamEvent } from '../native/types';
import type { Call } from './call';
import type { EmitOutcome } from './emitter';
import { eventBytes } from './gate';
import { native, Verdict } from './native';
import { Run } from './run';

/** How long an emitter runner with room has been waited for: Rust knows better, from the last event on. */
const UNKNOWN_MS = 1e15;

export class LocalRun extends Run {
  readonly #call: Call;
  /** When the outstanding pull began. */
  #pulledAt = 0;

  constructor(call: Call) {
    super(call.id);
    this.#call = call;
  }

  /** For how long the consumer has been waiting for this runner, in milliseconds. */
  waitedMs(): number {
    if (this.isPulled) return this.isPulling ? performance.now() - this.#pulledAt : 0;
    return this.#call.isFull ? 0 : UNKNOWN_MS;
  }

  protected override wants(): boolean {
    return this.#call.wantsMore;
  }

  protected override pulling(): void {
    if (this.#call.clock.isRunning) this.#pulledAt = performance.now();
  }

  protected override passed(event: StreamEvent): EmitOutcome | Promise<EmitOutcome> {
    this.#call.deliver(event, eventBytes(event));
    return this.isPulled ? 'delivered' : this.#call.accepted();
  }

  protected override judged(verdict: number): EmitOutcome | Promise<EmitOutcome> {
    const call = this.#call;
    const code = verdict & Verdict.CODE_MASK;
    if (code === Verdict.REPLACED) call.deliverAll(native.takeDeliveries(this.port));
    if ((verdict & Verdict.STOPPED) !== 0) call.stopped();
    if (code === Verdict.REFUSED) return 'refused';
    if (code === Verdict.CLOSED) return 'closed';
    // Perhaps it was `done`: then the grace runs, and not the times that the clock is set for.
    if (code === Verdict.WITHHELD) call.clock.check();
    return this.isPulled ? 'delivered' : call.accepted();
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
