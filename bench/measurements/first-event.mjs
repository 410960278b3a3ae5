// From the request to the first event at the consumer, one call after the other.
import { setImmediate } from 'node:timers/promises';
import { createContender } from '../contenders/load.mjs';
import { quantile } from '../statistics.mjs';
import { answer } from '../work/answer.mjs';

/** So often the event loop turns, as it does in a server: else no finalizer would ever run. Not timed. */
const callsOfTurn = 100;

async function timeToFirstEvent(open) {
  const startedAt = performance.now();
  const events = open('answer')[Symbol.asyncIterator]();
  const { done } = await events.next();
  const elapsed_ms = performance.now() - startedAt;
  if (done) throw new Error('no event came');
  // The rest is not timed, but it must run: a stream that is left is another case.
  while (!(await events.next()).done);
  return elapsed_ms * 1000;
}

async function timeCalls(open, calls) {
  const times = new Float64Array(calls);
  for (let call = 0; call < calls; call += 1) {
    if (call % callsOfTurn === 0) await setImmediate();
    times[call] = await timeToFirstEvent(open);
  }
  return times.sort();
}

/** @returns microseconds: `p50`, `p99`. */
export async function measure(contender, { calls, warmUpCalls }) {
  const { open } = await createContender(contender, { answer: answer({ deltas: 1, usage: true }) });
  gc();
  await timeCalls(open, warmUpCalls);
  const times = await timeCalls(open, calls);
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}
