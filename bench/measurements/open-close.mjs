// What one short call costs from request to end: one delta and `done`.
import { setImmediate } from 'node:timers/promises';
import { createContender } from '../contenders/load.mjs';
import { answer } from '../work/answer.mjs';
import { consume } from '../work/consume.mjs';
import { cpuTime } from '../work/cpu-time.mjs';

/** So often the event loop turns, as it does in a server: finalizers are part of the cost. */
const callsOfTurn = 100;

async function run(open, calls) {
  for (let call = 0; call < calls; call += 1) {
    if (call % callsOfTurn === 0) await setImmediate();
    if ((await consume(open('answer'))) === 0) throw new Error('no event came');
  }
}

/** @returns microseconds of CPU for each call: `allThreads`, `mainThread`. */
export async function measure(contender, { calls, warmUpCalls }) {
  const { open } = await createContender(contender, { answer: answer({ deltas: 1, usage: false }) });
  gc();
  await run(open, warmUpCalls);
  const elapsed = cpuTime();
  await run(open, calls);
  const { allThreads, thisThread } = elapsed();
  return { allThreads: allThreads / calls, mainThread: thisThread / calls };
}
