/**
 * The clocks and timers of this package: Node's own, taken once when the package is loaded. Tests that replace the global
 * timers or `Date` later (fake timers) neither stop nor speed up what the package waits for. Every other file takes them
 * from here.
 */

import { performance } from 'node:perf_hooks';
import timers from 'node:timers';

export const { setTimeout, clearTimeout, setInterval, clearInterval } = timers;

/** `Date.now` and `Date.parse`. */
export const { now: epochMs, parse: parseDate } = Date;

/** `performance.now`: milliseconds since the process began, never backwards. */
export const monotonicMs: () => number = performance.now.bind(performance);
