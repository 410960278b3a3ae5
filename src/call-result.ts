/** How a call came out, and the one promise of it. */

import type { Completion } from '../native/types';
import { CallFailure } from './call-failure';

export type Outcome = Completion | CallFailure;

export class CallResult {
  #outcome: Outcome | undefined;
  #promise: Promise<Completion> | undefined;
  #resolve: ((completion: Completion) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;

  get isAsked(): boolean {
    return this.#promise !== undefined;
  }

  /** The promise of the outcome; always the same. */
  promise(): Promise<Completion> {
    if (this.#promise === undefined) {
      this.#promise = new Promise((resolve, reject) => {
        this.#resolve = resolve;
        this.#reject = reject;
      });
      const outcome = this.#outcome;
      if (outcome instanceof CallFailure) {
        outcome.captureStack();
        this.#fail(outcome.error);
      } else if (outcome !== undefined) {
        this.#resolve?.(outcome);
      }
    }
    return this.#promise;
  }

  set(outcome: Outcome): void {
    this.#outcome = outcome;
  }

  /** Lets the promise know. */
  announce(): void {
    const outcome = this.#outcome;
    const resolve = this.#resolve;
    if (outcome === undefined || resolve === undefined) return;
    if (outcome instanceof CallFailure) outcome.rejectLater(resolve, (error) => this.#fail(error));
    else resolve(outcome);
  }

  #fail(error: unknown): void {
    // Whoever awaits it gets the rejection; whoever does not is not punished with an unhandled one.
    this.#promise?.catch(() => {});
    this.#reject?.(error);
  }
}
