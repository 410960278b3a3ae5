/** The one promise that the first event of a call has come, for as long as it has not. */

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

  /** The call has failed before. */
  failed(failure: CallFailure): void {
    failure.rejectLater(this.#resolve as (value: never) => void, (error) => {
      // Somebody who does not wait for it is told by the stream, and by `result()`.
      quiet(this.promise);
      this.#reject(error);
    });
  }
}
