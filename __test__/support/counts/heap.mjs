// How many bytes of JavaScript heap an event takes, for a while. Run without compilers and with room for all of it, so
// that nothing is optimised away and nothing is collected in between: then it is the same each time.
import { InferenceEngine, setInferenceRunner } from 'car-inference';
import { consume, engineOptions, order, runners } from './cases.mjs';

const engine = new InferenceEngine(engineOptions);
const found = {};

async function allocated(open, count) {
  gc();
  const { heapUsed } = process.memoryUsage();
  await consume(open(order('text-delta', count)));
  return process.memoryUsage().heapUsed - heapUsed;
}

async function countBytes(name, open) {
  const [few, many] = [1_000, 21_000];
  await consume(open(order('text-delta', few)));
  const before = await allocated(open, few);
  const bytes = ((await allocated(open, many)) - before) / (many - few);
  found[`an event: text-delta, ${name}`] = { 'heap bytes': Math.round(bytes) };
}

await countBytes('a generator without this package', (prompt) => runners.generator({ prompt }));
for (const [name, runner] of Object.entries(runners)) {
  setInferenceRunner(runner);
  await countBytes(name, (prompt) => engine.generateTrackedStream({ model: 'counted', prompt }));
}
console.log(JSON.stringify(found));
