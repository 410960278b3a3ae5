// Events a second from runners through to a log, calls side by side, until every ending is durable.
import { join } from 'node:path';
import { freshFolder } from '../../temporary.mjs';
import { answer } from '../../work/answer.mjs';
import { consumeSideBySide } from '../../work/consume.mjs';
import { cpuTime } from '../../work/cpu-time.mjs';
import { createRecorder } from '../recorders/load.mjs';

const eventsBesideDeltas = 2;

/** @returns `eventsPerSecond` by the clock; microseconds of CPU for each event: `allThreads`, `mainThread`. */
export async function measure(contender, { deltas, streams, batches, warmUpEvents }) {
  const works = {
    warmUp: answer({ deltas: Math.min(deltas, Math.ceil(warmUpEvents / streams)), usage: true }),
    answer: answer({ deltas, usage: true }),
  };
  const recorder = await createRecorder(contender, join(freshFolder(), 'log'), works);
  for (let events = 0; events < warmUpEvents; ) {
    events += await consumeSideBySide(streams, () => recorder.open('warmUp'));
  }
  await recorder.settle();
  gc();

  const expected = batches * streams * (deltas + eventsBesideDeltas);
  const startedAt = performance.now();
  const elapsed = cpuTime();
  let events = 0;
  for (let batch = 0; batch < batches; batch += 1) {
    events += await consumeSideBySide(streams, () => recorder.open('answer'));
  }
  await recorder.settle();
  const seconds = (performance.now() - startedAt) / 1000;
  const { allThreads, thisThread } = elapsed();
  if (events !== expected) throw new Error(`${contender}: ${events} events arrived instead of ${expected}`);
  return { eventsPerSecond: events / seconds, mainThread: thisThread / events, allThreads: allThreads / events };
}
