// What a stream holds that waits for its runner.
import { setImmediate } from 'node:timers/promises';
import { createContender } from '../contenders/index.mjs';
import { answer, silence } from '../work/answer.mjs';
import { consumeSideBySide } from '../work/consume.mjs';
import { openIdle } from '../work/idle.mjs';

const warmUpStreams = 1_000;
const bytesOfKibibyte = 1024;

async function memory() {
  // Twice, with a turn between: finalizers run after the first, and free what the second collects.
  for (let round = 0; round < 2; round += 1) {
    gc();
    await setImmediate();
  }
  const { rss, heapUsed } = process.memoryUsage();
  return { rss, heapUsed };
}

/** @returns KiB for each stream: `rss`, `heap`. */
export async function measure(contender, { streams }) {
  const held = [];
  const { open } = await createContender(contender, {
    answer: answer({ deltas: 10, usage: true }),
    idle: silence(held),
  });
  await consumeSideBySide(warmUpStreams, () => open('answer'));
  const before = await memory();
  const idle = await openIdle(streams, () => open('idle'));
  const after = await memory();
  if (held.length < streams || idle.length < streams) throw new Error(`${contender}: the streams are not idle`);
  const each = (key) => (after[key] - before[key]) / streams / bytesOfKibibyte;
  return { rss: each('rss'), heap: each('heapUsed') };
}
