// What a stream holds that waits for its runner: what so many more add, once some are there. The first ones also pay for
// what all share, and for compiled code.
import { setTimeout } from 'node:timers/promises';
import { createContender } from '../contenders/load.mjs';
import { answer, silence } from '../work/answer.mjs';
import { consumeSideBySide } from '../work/consume.mjs';
import { openIdle } from '../work/idle.mjs';

const warmUpDeltas = 100;
const bytesOfKibibyte = 1024;
/** V8 gives pages back in the background: memory is at rest when it has not changed by more for a while. */
const rest = { bytes: 64 * bytesOfKibibyte, pause_ms: 20, looks: 3, looksMax: 100 };

async function memoryAtRest() {
  // Collects until nothing more is found and gives unused pages back: else streams move into what the warm-up left. Finalizers
  // run in between, and free what the second round finds.
  for (let round = 0; round < 2; round += 1) {
    gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    await setTimeout(rest.pause_ms);
  }
  let last = process.memoryUsage();
  for (let looks = 0, still = 0; still < rest.looks; looks += 1) {
    if (looks === rest.looksMax) throw new Error('memory does not come to rest');
    await setTimeout(rest.pause_ms);
    const now = process.memoryUsage();
    still = Math.abs(now.rss - last.rss) <= rest.bytes ? still + 1 : 0;
    last = now;
  }
  return last;
}

/** @returns KiB for each stream: `rss`, `heap`. */
export async function measure(contender, { streams }) {
  const firstStreams = Math.ceil(streams / 5);
  const held = [];
  const { open } = await createContender(contender, {
    answer: answer({ deltas: warmUpDeltas, usage: true }),
    idle: silence(held),
  });
  // Twice, so that what the first round freed is used again before anything is counted.
  for (let round = 0; round < 2; round += 1) await consumeSideBySide(firstStreams, () => open('answer'));
  const first = await openIdle(firstStreams, () => open('idle'));
  const before = await memoryAtRest();
  const idle = await openIdle(streams, () => open('idle'));
  const after = await memoryAtRest();
  const expected = streams + firstStreams;
  if (held.length < expected || first.length + idle.length < expected) throw new Error('the streams are not idle');
  const each = (key) => (after[key] - before[key]) / streams / bytesOfKibibyte;
  return { rss: each('rss'), heap: each('heapUsed') };
}
