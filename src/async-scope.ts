/**
 * The async context that a runner's code runs in, whoever wakes it: a consumer of another context, a timer that many calls
 * share, the mail. `AsyncLocalStorage` and every tracer above it look there. Entering a scope costs a few nanoseconds, so
 * that nobody has to find out first whether it is needed.
 */

import { AsyncResource } from 'node:async_hooks';

/** One context, as it was where this was made. */
export class AsyncScope extends AsyncResource {
  /** Whose runner runs here, for those who find this as the current resource. */
  readonly owner: object | undefined;

  constructor(owner?: object) {
    super('CarInferenceCall');
    this.owner = owner;
  }
}

/** The context in which the package was loaded: for what all calls share, which must not keep one call's context alive. */
const shared = new AsyncScope();

/** Runs what must not take the context of whoever happens to need it first. */
export function outsideCalls<T>(run: () => T): T {
  return shared.runInAsyncScope(run);
}
