/** A thread that consumes one call with nothing else open, and counts in shared memory what it saw. */
import { workerData } from 'node:worker_threads';
import { InferenceEngine } from 'car-inference';

const { way, counts } = workerData;
const [EVENTS, ENDED] = [0, 1];
const engine = new InferenceEngine({ models: [{ id: 'gpt-5', source: { type: 'delegated' } }] });
const stream = engine.generateTrackedStream({ model: 'gpt-5', prompt: 'hi' });

const ways = {
  async loop() {
    for await (const _event of stream) counts[EVENTS] += 1;
  },
  async result() {
    counts[EVENTS] = (await stream.result()).text.length + 1;
  },
  async leave() {
    await stream.next();
    await stream.return();
  },
  async close() {
    stream.detach();
    await engine.close('drain');
  },
};

await ways[way]();
counts[ENDED] = 1;
