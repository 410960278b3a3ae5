/**
 * What every copy of this package's JavaScript that one thread loads over one addon has in common: a test runner's reset
 * of modules makes such copies. The addon knows one mailbox a thread, so the newest copy takes the mail of all.
 */

import type { Call } from './call';
import type { HostedRun } from './hosted-run';
import { native } from './native';
import type { RunnerLike } from './runner';

export interface Realm {
  readonly runners: Map<number, RunnerLike>;
  /** Calls that are open. */
  readonly calls: Map<number, Call>;
  readonly hostedRuns: Map<number, HostedRun>;
  /** Listens for the process's wish to leave, from the first call on. */
  stay: (() => void) | undefined;
  mailTimer: NodeJS.Timeout | undefined;
}

export const realm: Realm = shared({
  runners: new Map(),
  calls: new Map(),
  hostedRuns: new Map(),
  stay: undefined,
  mailTimer: undefined,
});

/** The realm of an earlier copy, else this one. It is found at the addon, or at the process if that was purged too. */
function shared(fresh: Realm): Realm {
  const places = [
    { home: native as object, key: Symbol.for('car-inference.realm') },
    { home: process as object, key: Symbol.for(`car-inference.realm ${__dirname}`) },
  ];
  const found = places.map(({ home, key }) => (home as Record<symbol, Realm | undefined>)[key]);
  const value = found.find((realm) => realm !== undefined) ?? fresh;
  places.forEach(({ home, key }, at) => {
    if (found[at] === undefined) Object.defineProperty(home, key, { value });
  });
  return value;
}
