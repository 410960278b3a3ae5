// How long something takes, once and then again and again.
import { quantile } from '../../statistics.mjs';

/** @param after is run after each time, and not timed. @returns milliseconds: `first`; of the others `p50`, `max`. */
export async function timesOf(times, work, after = () => undefined) {
  const taken = [];
  for (let time = 0; time <= times; time += 1) {
    const startedAt = performance.now();
    await work();
    taken.push(performance.now() - startedAt);
    await after();
  }
  const [first, ...others] = taken;
  const sorted = others.toSorted((a, b) => a - b);
  return { first, p50: quantile(sorted, 0.5), max: sorted.at(-1) };
}
