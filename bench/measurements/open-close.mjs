// What one short call costs from request to end: one delta and `done`.
import { createContender } from '../contenders/index.mjs';
import { answer } from '../work/answer.mjs';
import { consume } from '../work/consume.mjs';
import { cpuTime } from '../work/cpu-time.mjs';

/** @returns microseconds of CPU for each call: `allThreads`, `mainThread`. */
export async function measure(contender, { calls, warmUpCalls }) {
  const { open } = await createContender(contender, { answer: answer({ deltas: 1, usage: false }) });
  for (let call = 0; call < warmUpCalls; call += 1) await consume(open('answer'));
  gc();
  const elapsed = cpuTime();
  for (let call = 0; call < calls; call += 1) await consume(open('answer'));
  const { allThreads, thisThread } = elapsed();
  return { allThreads: allThreads / calls, mainThread: thisThread / calls };
}
