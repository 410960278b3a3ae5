// The kinds of calls, and how often each comes. A kind has a name, the status its calls must end with, and `run`, which
// makes one call, checks everything about it and resolves to its number of events.
import * as answered from './answered.mjs';
import * as engines from './engines.mjs';
import * as failed from './failed.mjs';
import * as stopped from './stopped.mjs';

const { fast, fallback, read, retried, rich } = answered;
const { aborted, cancelled, left, timeout } = stopped;
const { declined, limited, nonsense, thrown } = failed;

/** Calls that take milliseconds; `fast` as often as all that are stopped or fail. */
export const brief = [
  ...[fast, fast, fast, fast, fast, fast, fast, fast],
  ...[fallback, read, retried, rich],
  ...[aborted, cancelled, left, timeout],
  ...[declined, limited, nonsense, thrown],
];

/** Calls that need an engine each. */
export const ownEngine = [engines.drained, engines.closed];

export const { huge, slow } = answered;
export const { idle } = stopped;

/** Makes one call of a kind and counts it. `where` says in which thread it was consumed and served. */
export async function play(kind, place, tally, where) {
  tally.begin(kind);
  try {
    tally.end(kind, await kind.run(place));
  } catch (error) {
    tally.mismatch(kind, error, where);
  }
}
