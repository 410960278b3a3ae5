// Runner in the main thread, consumers in workers: how many events get across, and what they cost on each side.
import { Worker } from 'node:worker_threads';
import { loadContender } from '../contenders/load.mjs';
import { answer } from '../work/answer.mjs';
import { cpuTime } from '../work/cpu-time.mjs';
import { checkEvents, measure as measureOneThread } from './throughput.mjs';

const eventsBesideDeltas = 2;
const consumer = new URL('../work/consumer-thread.mjs', import.meta.url);

/** Has a worker consume streams, and resolves to its own CPU time in microseconds and the number of events that came. */
function order(worker, { work, streams, batches }) {
  return new Promise((resolve, reject) => {
    const onMessage = ({ cpu, events }) => {
      if (cpu === undefined) return;
      worker.off('message', onMessage);
      resolve({ cpu, events });
    };
    worker.on('message', onMessage);
    worker.once('error', reject);
    worker.postMessage({ work, streams, batches, isOrder: true });
  });
}

/** One thread does both sides there: each is compared with all of it. */
async function measureFloor(parameters) {
  const { allThreads, mainThread, eventsPerSecond } = await measureOneThread('floor', parameters);
  return { eventsPerSecond, allThreads, mainThread, workers: mainThread, otherThreads: allThreads - mainThread };
}

/**
 * @returns `eventsPerSecond` by the clock; microseconds of CPU for each event: `allThreads`, and of these `mainThread`,
 *   `workers` (all together), `otherThreads` (garbage collection, compilation, Rust's own).
 */
export async function measure(contender, { workerCount, streams, deltas, batches, warmUpEvents }) {
  if (contender === 'floor') return measureFloor({ streams, deltas, batches, warmUpEvents });
  const workers = Array.from(
    { length: workerCount },
    () => new Worker(consumer, { workerData: { contender }, execArgv: [] }),
  );
  const { host } = await loadContender(contender);
  const warmUpDeltas = Math.min(deltas, Math.ceil(warmUpEvents / streams));
  host({ warmUp: answer({ deltas: warmUpDeltas, usage: true }), answer: answer({ deltas, usage: true }) }, workers);

  const streamsEach = streams / workerCount;
  const warmUpBatches = Math.ceil(warmUpEvents / (streams * warmUpDeltas));
  const orderAll = (work, batches) =>
    Promise.all(workers.map((worker) => order(worker, { work, streams: streamsEach, batches })));
  gc();
  await orderAll('warmUp', warmUpBatches);

  const startedAt = performance.now();
  const elapsed = cpuTime();
  const outcomes = await orderAll('answer', batches);
  const { allThreads, thisThread } = elapsed();
  const seconds = (performance.now() - startedAt) / 1000;

  const events = batches * streams * (deltas + eventsBesideDeltas);
  const total = (key) => outcomes.reduce((sum, outcome) => sum + outcome[key], 0);
  checkEvents(contender, total('events'), { deltas, streams: batches * streams });
  const workerTime = total('cpu');
  return {
    eventsPerSecond: events / seconds,
    allThreads: allThreads / events,
    mainThread: thisThread / events,
    workers: workerTime / events,
    otherThreads: (allThreads - thisThread - workerTime) / events,
  };
}
