/**
 * What every copy of this package's JavaScript that one thread loads over one addon has in common: a test runner's reset
 * of modules makes such copies, and so does a package manager that links one file into two folders. The addon knows one
 * mailbox a thread, so the newest copy takes the mail of all.
 */

import type { Ask } from './asks';
import type { AsyncScope } from './async-scope';
import type { Call } from './call';
import type { HostedRun } from './hosted-run';
import { native } from './native';
import type { Clock, Timer } from './node-clock';
import type { RunnerLike } from './runner';

export interface RegisteredRunner {
  /** The runner; undefined after the engine or call that held it was garbage-collected. */
  find(): RunnerLike | undefined;
  /** The async context in which it was registered for the process. */
  readonly scope: AsyncScope | undefined;
}

export interface Realm {
  readonly runners: Map<number, RegisteredRunner>;
  /** A number for each runner object, the same however often the object is registered. */
  readonly runnerObjects: { readonly ids: WeakMap<RunnerLike, number>; last: number };
  /** Calls that are open. */
  readonly calls: Map<number, Call>;
  readonly hostedRuns: Map<number, HostedRun>;
  /** Questions to logs that are not answered. */
  readonly asks: Map<number, Ask>;
  /** Listens for the process's wish to leave, from the first call on. */
  stay: (() => void) | undefined;
  mailTimer: Timer | undefined;
  /** Undefined until the first copy has taken it. */
  clock: Clock | undefined;
}

const fresh: Realm = {
  runners: new Map(),
  runnerObjects: { ids: new WeakMap(), last: 0 },
  calls: new Map(),
  hostedRuns: new Map(),
  asks: new Map(),
  stay: undefined,
  mailTimer: undefined,
  clock: undefined,
};

/** The realm that the first copy brought. The addon keeps it: copies need share neither module cache nor `process`. */
export const realm: Realm = native.shareRealm(fresh) as Realm;

/** Whether this copy is the first over its addon in this thread. */
export const isFirstCopy: boolean = realm === fresh;
