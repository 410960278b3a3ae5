/**
 * How a call failed, on its way to whoever catches it. Has the stack of the error lead to the line that awaits it, as V8
 * does by itself for an `async function*`: where the error was made there is only the engine's own machinery, woken by a
 * runner, a timer or the mail. Costs nothing until a call fails.
 */

// Kept, because others may take it away.
const { captureStackTrace } = Error;

/** `call`: made here for this call. `host`: the host's own object, or one whose stack leads to the caller already. */
export type ErrorOrigin = 'call' | 'host';

export class CallFailure {
  readonly error: unknown;
  #isStackWanted: boolean;

  constructor(error: unknown, origin: ErrorOrigin) {
    this.error = error;
    this.#isStackWanted = origin === 'call';
  }

  /** The caller is on the stack: takes it, for the first one who asks. */
  captureStack(): void {
    if (!this.#isStackWanted) return;
    this.#isStackWanted = false;
    try {
      captureStackTrace(this.error as Error);
    } catch {
      // Somebody froze it: its stack is not worth the error.
    }
  }

  /**
   * Rejects a promise that somebody may be awaiting, two microtasks later. V8 finds those who await by going from the
   * promise of the function that makes the stack to what that promise resolves, so `resolve` has to be the promise's very
   * own, and nothing else may have been chained to the promise until then.
   */
  rejectLater(resolve: (value: never) => void, reject: (error: unknown) => void): void {
    callFailed(this).then(resolve, reject);
  }
}

/** Its name is what a reader of the stack sees. */
async function callFailed(failure: CallFailure): Promise<never> {
  // Whoever has just pulled awaits the promise by then.
  await undefined;
  failure.captureStack();
  throw failure.error;
}
