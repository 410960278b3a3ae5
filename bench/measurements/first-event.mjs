// From the request to the first event at the consumer, one call after the other.
import { createContender } from '../contenders/index.mjs';
import { quantile } from '../statistics.mjs';
import { answer } from '../work/answer.mjs';

async function timeToFirstEvent(open) {
  const startedAt = performance.now();
  const events = open('answer')[Symbol.asyncIterator]();
  await events.next();
  const elapsed_ms = performance.now() - startedAt;
  // The rest is not timed, but it must run: a stream that is left is another case.
  while (!(await events.next()).done);
  return elapsed_ms * 1000;
}

/** @returns microseconds: `p50`, `p99`. */
export async function measure(contender, { calls, warmUpCalls }) {
  const { open } = await createContender(contender, { answer: answer({ deltas: 1, usage: true }) });
  for (let call = 0; call < warmUpCalls; call += 1) await timeToFirstEvent(open);
  gc();
  const times = new Float64Array(calls);
  for (let call = 0; call < calls; call += 1) times[call] = await timeToFirstEvent(open);
  times.sort();
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}
