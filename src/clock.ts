/**
 * The clocks and timers of this package: Node's own, taken once when the package is loaded. Fake timers, which replace the
 * global timers or `Date` later, do not affect the package. Every other file imports its timers from here.
 */

import { performance } from 'node:perf_hooks';
import timers from 'node:timers';

export const { setTimeout, clearTimeout, setInterval, clearInterval } = timers;

/** `Date.now` and `Date.parse`. */
export const { now: epochMs, parse: parseDate } = Date;

/** `performance.now`: milliseconds since the process began; never goes backwards. */
export const monotonicMs: () => number = performance.now.bind(performance);
