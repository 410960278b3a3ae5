// What an event costs, and what a whole call costs, where runner and consumer share a thread.

import { consume, engineOptions, order, runners } from './cases.mjs';
import { difference, snapshot } from './counters.mjs';

const { InferenceEngine, setInferenceRunner } = await import('car-inference');
const engine = new InferenceEngine(engineOptions);
const found = {};

async function count(open, prompt) {
  const before = snapshot();
  await consume(open(prompt));
  return difference(before, snapshot());
}

/** What more events cost more is what each of them costs, whatever a call costs beside them. */
async function countEvents(name, open, kind) {
  const [few, many] = [100, 300];
  await count(open, order(kind, few));
  const counted = [await count(open, order(kind, few)), await count(open, order(kind, many))];
  found[`an event: ${kind}, ${name}`] = Object.fromEntries(difference(...counted, many - few));
}

async function countCall(name, open) {
  await count(open, order('text-delta', 1));
  found[`a call of one event: ${name}`] = Object.fromEntries(await count(open, order('text-delta', 1)));
}

const plain = (prompt) => runners.generator({ prompt });
await countEvents('a generator without this package', plain, 'text-delta');
await countCall('a generator without this package', plain);

for (const [name, runner] of Object.entries(runners)) {
  setInferenceRunner(runner);
  const request = (prompt) => ({ model: 'counted', prompt });
  const open = (prompt) => engine.generateTrackedStream(request(prompt));
  for (const kind of ['text-delta', 'reasoning-delta', 'tool-call-delta', 'usage', 'custom']) {
    await countEvents(name, open, kind);
  }
  await countCall(name, open);
  const { signal } = new AbortController();
  await countCall(`${name}, with a signal`, (prompt) => engine.generateTrackedStream(request(prompt), { signal }));
}

console.log(JSON.stringify(found));
