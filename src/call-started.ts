/** The promise behind `started()`: resolves at the first event of a call. It exists until that event or the end. */

import type { CallFailure } from './call-failure';
import { quiet } from './outlet';

export class CallStarted {
  readonly promise: Promise<void>;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  came(): void {
    this.#resolve();
  }

  /** The call has failed before its first event. */
  failed(failure: CallFailure): void {
    failure.rejectLater(this.#resolve as (value: never) => void, (error) => {
      // If nobody awaits this promise, the stream and `result()` still report the error.
      quiet(this.promise);
      this.#reject(error);
    });
  }
}
