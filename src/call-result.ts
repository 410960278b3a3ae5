/** How a call came out, and the one promise of it. */

import type { Completion } from '../native/types';

export type Outcome = { completion: Completion } | { error: unknown };

export class CallResult {
  #outcome: Outcome | undefined;
  #promise: Promise<Completion> | undefined;
  #settle: ((outcome: Outcome) => void) | undefined;

  /** Undefined until the call is over, and when it failed. */
  get completion(): Completion | undefined {
    return this.#outcome !== undefined && 'completion' in this.#outcome ? this.#outcome.completion : undefined;
  }

  get isAsked(): boolean {
    return this.#promise !== undefined;
  }

  /** The promise of the outcome; always the same. */
  promise(): Promise<Completion> {
    if (this.#promise === undefined) {
      this.#promise = new Promise((resolve, reject) => {
        this.#settle = (outcome) => ('error' in outcome ? reject(outcome.error) : resolve(outcome.completion));
      });
      // Whoever awaits it gets the rejection; whoever does not is not punished with an unhandled one.
      this.#promise.catch(() => {});
      if (this.#outcome !== undefined) this.#settle?.(this.#outcome);
    }
    return this.#promise;
  }

  set(outcome: Outcome): void {
    this.#outcome = outcome;
  }

  /** Lets the promise know. */
  announce(): void {
    if (this.#outcome !== undefined) this.#settle?.(this.#outcome);
  }
}
