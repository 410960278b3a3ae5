// What an event costs on each side where the consumer is in another thread. Who is not counted stands still meanwhile, so
// that it does not matter how fast either is: first all events are emitted, then all are consumed.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { difference, snapshot } from './counters.mjs';
import { Flag } from './flag.mjs';

const { setInferenceRunner } = await import('car-inference');
const word = { type: 'text-delta', text: 'word' };
const [events, from, to] = [1_000, 100, 420];
const pulled = new Flag();
const emitted = new Flag();
const found = {};
const counted = [];

function look(index) {
  if (index === from || index === to) counted.push(snapshot());
}

const runners = {
  async *generator() {
    pulled.wait();
    for (let index = 0; index < events; index += 1) {
      look(index);
      yield word;
    }
    setImmediate(() => emitted.raise());
  },
  async 'emitter that awaits'(_request, { emit }) {
    pulled.wait();
    for (let index = 0; index < events; index += 1) {
      look(index);
      await emit(word);
    }
    setImmediate(() => emitted.raise());
  },
};

const flags = { pulled: pulled.buffer, emitted: emitted.buffer };
const worker = new Worker(new URL('./consumer.mjs', import.meta.url), { workerData: { flags, from, to } });
await once(worker, 'message');
for (const [name, runner] of Object.entries(runners)) {
  setInferenceRunner(runner);
  for (const round of ['warm-up', 'counted']) {
    counted.length = 0;
    worker.postMessage(round);
    const [{ each, untilThen }] = await once(worker, 'message');
    if (round === 'warm-up') continue;
    found[`an event for another thread: ${name}`] = Object.fromEntries(difference(...counted, to - from));
    found[`an event from another thread: ${name}`] = each;
    found[`${from} events that were waiting in another thread: ${name}`] = untilThen;
  }
}
console.log(JSON.stringify(found));
await worker.terminate();
