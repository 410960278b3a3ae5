// CPU per event of many streams side by side, in one thread.
import { contenders } from '../contenders/index.mjs';
import { createContender } from '../contenders/load.mjs';
import { answer } from '../work/answer.mjs';
import { consumeSideBySide } from '../work/consume.mjs';
import { cpuTime } from '../work/cpu-time.mjs';

/** Usage and `done`: the same work counts the same for all, whatever a library makes of it. */
const eventsBesideDeltas = 2;

/** @throws Error when an event is missing, or there is one too many. */
export function checkEvents(contender, events, { deltas, streams }) {
  const expected = streams * (deltas + contenders[contender].besideDeltas);
  if (events !== expected) throw new Error(`${contender}: ${events} events arrived instead of ${expected}`);
}

/** @returns microseconds of CPU for each event: `allThreads`, `mainThread`; `eventsPerSecond` by the clock. */
export async function measure(contender, { deltas, streams, batches, warmUpEvents }) {
  // The warm-up has as many streams, but not as many deltas: the heap has its size and nothing takes a minute.
  const warmUpDeltas = Math.min(deltas, Math.ceil(warmUpEvents / streams));
  const { open, settle } = await createContender(contender, {
    warmUp: answer({ deltas: warmUpDeltas, usage: true }),
    answer: answer({ deltas, usage: true }),
  });
  gc();
  for (let events = 0; events < warmUpEvents; events += streams * warmUpDeltas) {
    await consumeSideBySide(streams, () => open('warmUp'));
  }
  await settle?.();

  const startedAt = performance.now();
  const elapsed = cpuTime();
  for (let batch = 0; batch < batches; batch += 1) {
    const events = await consumeSideBySide(streams, () => open('answer'));
    checkEvents(contender, events, { deltas, streams });
  }
  // What is still to be written costs as well.
  await settle?.();
  const { allThreads, thisThread } = elapsed();
  const seconds = (performance.now() - startedAt) / 1000;
  const events = batches * streams * (deltas + eventsBesideDeltas);
  return { allThreads: allThreads / events, mainThread: thisThread / events, eventsPerSecond: events / seconds };
}
