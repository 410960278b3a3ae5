/**
 * Runs of this thread's runners for consumers elsewhere: another thread, or Rust. Events end in Rust's bounded queue;
 * when that is full the runner waits until Rust says that it has drained.
 */

import type { Failure, GenerateRequest } from '../native/types';
import type { EmitOutcome } from './emitter';
import { errorFrom } from './failure';
import { decodeJson } from './json';
import { native, Verdict } from './native';
import { realm } from './realm';
import { Run } from './run';
import { hostedScope, runnerById } from './runner';

export class HostedRun extends Run {
  #room: Promise<EmitOutcome> | undefined;
  #drained: ((outcome: EmitOutcome) => void) | undefined;

  drained(): void {
    const drained = this.#drained;
    this.#room = undefined;
    this.#drained = undefined;
    drained?.('delivered');
  }

  stop(failure: Failure): void {
    this.abort(errorFrom(failure));
    this.drained();
  }

  /** The call has ended without waiting for this run, and Rust has forgotten its port. */
  over(failure: Failure): void {
    realm.hostedRuns.delete(this.port);
    this.abandon(errorFrom(failure));
    this.drained();
  }

  protected override wants(): boolean {
    return this.#room === undefined;
  }

  protected override answers(): boolean {
    return false;
  }

  protected override passed(): EmitOutcome {
    return 'delivered';
  }

  protected override judged(verdict: number): EmitOutcome | Promise<EmitOutcome> {
    const isNews = (verdict & Verdict.STOPPED) !== 0 && !this.aborted;
    if (isNews) this.stop(decodeJson<Failure>(native.stopReason(this.port)));
    const code = verdict & Verdict.CODE_MASK;
    if (code === Verdict.REFUSED) return 'refused';
    if (code === Verdict.CLOSED) return 'closed';
    if ((verdict & Verdict.FULL) === 0 || this.aborted) return 'delivered';
    this.#room ??= new Promise((resolve) => {
      this.#drained = resolve;
    });
    return this.#room;
  }

  protected override settled(outcomeJson: string | undefined): void {
    realm.hostedRuns.delete(this.port);
    native.settle(this.port, outcomeJson);
    this.drained();
  }

  protected override keepCause(): undefined {
    return undefined; // The consumer is in another realm: what was thrown arrives there as a description.
  }
}

/** Mail: someone elsewhere wants a runner of this thread. */
export function hostRun(port: number, payload: string): void {
  const { runnerId, request } = decodeJson<{ runnerId: number; request: GenerateRequest }>(payload);
  const run = new HostedRun(port, hostedScope(runnerId));
  // The call may be over already. If not, it may be later, and the runner still wants to log the facts of it.
  if (!run.keepFacts()) return;
  if (native.isClosed(port)) {
    // Cancelled while this thread was busy: a provider must not be asked for what nobody wants any more.
    native.settle(port);
    return;
  }
  realm.hostedRuns.set(port, run);
  run.begin(runnerById(runnerId), request);
}

/** Mail: the consumer elsewhere wants no more. */
export function stopHostedRun(port: number, payload: string): void {
  realm.hostedRuns.get(port)?.stop(decodeJson<Failure>(payload));
}

/** Mail: the queue to the consumer has room again. */
export function hostedRunDrained(port: number): void {
  realm.hostedRuns.get(port)?.drained();
}

/** Mail: the call elsewhere has ended without its runner. */
export function hostedRunOver(port: number, payload: string): void {
  realm.hostedRuns.get(port)?.over(decodeJson<Failure>(payload));
}
