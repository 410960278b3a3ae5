/**
 * Runs of this thread's runners for calls that Rust drives: of another thread or of Rust, or of this thread when events wait
 * until they are durable. Events end in Rust's bounded queue; when that is full the runner waits until Rust says that it has
 * drained.
 */

import type { Failure, GenerateRequest } from '../native/types';
import type { AsyncScope } from './async-scope';
import type { Call } from './call';
import { liveCall } from './deadlines';
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
  /** Undefined when it is not of this thread. */
  readonly #call: Call | undefined;

  constructor(port: number, scope: AsyncScope, call: Call | undefined) {
    super(port, scope);
    this.#call = call;
  }

  drained(): void {
    const drained = this.#drained;
    this.#room = undefined;
    this.#drained = undefined;
    drained?.('delivered');
  }

  stop(failure: Failure): void {
    this.abort(this.#reasonOf(failure));
    this.drained();
  }

  /** The call has ended without waiting for this run, and Rust has forgotten its port. */
  over(failure: Failure): void {
    realm.hostedRuns.delete(this.port);
    this.abandon(this.#reasonOf(failure));
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

  protected override keepCause(thrown: unknown): number | undefined {
    // A consumer in another realm gets a description of what was thrown.
    return this.#call?.keepCause(thrown);
  }

  #reasonOf(failure: Failure): unknown {
    return this.#call === undefined ? errorFrom(failure) : this.#call.reasonOf(failure);
  }
}

/** What Rust asks for. */
interface Asked {
  runnerId: number;
  /** The run's call, when that is of this thread; 0 otherwise. */
  call: number;
  request: GenerateRequest;
}

/** Mail: someone elsewhere wants a runner of this thread. */
export function hostRun(port: number, payload: string): void {
  const { runnerId, call: callId, request } = decodeJson<Asked>(payload);
  const call = liveCall(callId);
  const run = new HostedRun(port, call?.scope ?? hostedScope(runnerId), call);
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
