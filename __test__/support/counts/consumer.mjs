// The consumer of `two-threads.mjs`: pulls, stands still until all events were emitted, and counts what taking them costs.
import { parentPort, workerData } from 'node:worker_threads';
import { engineOptions } from './cases.mjs';
import { difference, snapshot } from './counters.mjs';
import { Flag } from './flag.mjs';

const { InferenceEngine } = await import('car-inference');
const { flags, from, to } = workerData;
const pulled = new Flag(flags.pulled);
const emitted = new Flag(flags.emitted);
const engine = new InferenceEngine(engineOptions);

async function consume() {
  const stream = engine.generateTrackedStream({ model: 'counted', prompt: 'hi' });
  const first = stream.next();
  const before = snapshot();
  pulled.raise();
  emitted.wait();
  await first;
  const looks = [];
  let index = 1;
  for await (const _event of stream) {
    if (index === from || index === to) looks.push(snapshot());
    index += 1;
  }
  const [start, end] = looks;
  return {
    each: Object.fromEntries(difference(start, end, to - from)),
    untilThen: Object.fromEntries(difference(before, start)),
  };
}

parentPort.on('message', async () => parentPort.postMessage(await consume()));
parentPort.postMessage('ready');
