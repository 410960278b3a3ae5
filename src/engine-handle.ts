/** An engine's number and its calls in flight; what the engine's face, its log and its streams share. */

import type { Call } from './call';
import { setsNestedCallsMax, setsTimeouts } from './call-input';
import type { CallSettings } from './call-settings';
import { decodeJson } from './json';
import { native } from './native';
import { OwnRunners } from './own-runners';

/** Which new calls an engine accepts: `inside` means those inside its own calls in flight. */
type Accepts = 'all' | 'inside' | 'none';

const collected = new FinalizationRegistry<number>((id) => native.releaseEngine(id));

export class EngineHandle {
  readonly id: number;
  /** Whether the engine's options set a timeout for runners. */
  readonly setsTimeouts: boolean;
  /** Whether the engine's options bound how deep calls nest. */
  readonly setsNestedCallsMax: boolean;
  /** What holds for calls that set nothing of their own. */
  readonly settings: CallSettings;
  readonly runners: OwnRunners;
  readonly #running = new Set<Call>();
  #waiting: Array<() => void> = [];
  #accepts: Accepts = 'all';

  constructor(id: number, optionsJson: string) {
    this.id = id;
    this.setsTimeouts = setsTimeouts(optionsJson);
    this.setsNestedCallsMax = setsNestedCallsMax(optionsJson);
    this.settings = decodeJson<CallSettings>(native.engineSettings(id));
    this.runners = new OwnRunners(id);
    collected.register(this, id);
  }

  /** From now on, closing the engine waits for this call. It runs, or starts in this tick because of `result()`. */
  enter(call: Call): void {
    // Rust decides the same when the call begins. A call that it will refuse is not waited for.
    if (this.#accepts === 'all' || (this.isDraining && call.ticket.isInside(this.id))) this.#running.add(call);
  }

  /** Refuses new calls from now on, except, while draining, calls inside its own calls in flight. */
  close(mode: 'drain' | 'cancel'): void {
    if (this.#accepts !== 'none') this.#accepts = mode === 'drain' ? 'inside' : 'none';
    native.closeEngine(this.id, mode === 'drain');
  }

  get isDraining(): boolean {
    return this.#accepts === 'inside';
  }

  leave(call: Call): void {
    this.#running.delete(call);
    if (this.#running.size !== 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Starts accepted calls that have not begun, and calls that their runners make meanwhile. */
  beginAccepted(): void {
    for (const call of this.#running) call.begin();
  }

  /** The calls in flight, as they are now. */
  running(): Call[] {
    return [...this.#running];
  }

  /** Whether someone waits until no call is in flight. */
  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  /** Resolves when no call is in flight. */
  idle(): Promise<void> {
    if (this.#running.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
