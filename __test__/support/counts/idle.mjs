// What an idle stream holds: in the thread that both share, and where the consumers are in another thread.
import { Worker } from 'node:worker_threads';
import { InferenceEngine, setInferenceRunner } from 'car-inference';
import { engineOptions, idleRunners } from './cases.mjs';
import { ask, census, openIdle } from './idle-census.mjs';

const streams = 200;
const warmUpStreams = 10;
const found = {};

async function countIdle(name, open) {
  await openIdle(open, warmUpStreams);
  found[`an idle stream: ${name}`] = await census(streams, () => openIdle(open, streams));
}

const held = [];
const runners = idleRunners(held);
await countIdle('a generator without this package', () => runners.generator());

const engine = new InferenceEngine(engineOptions);
for (const [name, runner] of Object.entries(runners)) {
  setInferenceRunner(runner);
  await countIdle(name, () => engine.generateTrackedStream({ model: 'counted', prompt: 'hi' }));
}

const worker = new Worker(new URL('./idle-consumers.mjs', import.meta.url));
for (const [name, runner] of Object.entries(runners)) {
  setInferenceRunner(runner);
  await ask(worker, warmUpStreams);
  let consumers;
  const hosts = await census(streams, async () => {
    consumers = await ask(worker, streams);
  });
  found[`an idle stream for another thread: ${name}`] = hosts;
  found[`an idle stream from another thread: ${name}`] = consumers;
}

console.log(JSON.stringify(found));
// Nobody will ever wake them.
process.exit();
