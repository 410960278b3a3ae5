// Says whether the stack of each way to catch a failure leads to the line that waited for it.
import { setImmediate as turn } from 'node:timers/promises';
import { InferenceEngine, setInferenceRunner } from 'car-inference';

const engine = new InferenceEngine({ models: [{ id: 'gpt-5', source: { type: 'delegated' } }] });
const open = () => engine.generateTrackedStream({ prompt: 'hi' });
setInferenceRunner(async function* () {
  yield { type: 'text-delta', text: 'a' };
  await turn();
  throw new Error('no');
});

const consumers = {
  async forAwait() {
    for await (const _event of open()) await turn();
  },
  async next() {
    const stream = open();
    while (!(await stream.next()).done);
  },
  async result() {
    await open().result();
  },
  async generate() {
    await engine.generate({ prompt: 'hi' });
  },
  async textStream() {
    for await (const _delta of open().textStream) await turn();
  },
};

for (const [name, consume] of Object.entries(consumers)) {
  try {
    await consume();
  } catch (error) {
    console.log(JSON.stringify([name, new RegExp(`at async (Object\\.)?${name} `).test(error.stack)]));
  }
}

// Nobody looks at any of these.
open().result();
engine.generate({ prompt: 'hi' });
for (const stream of [open(), open().textStream]) {
  stream.next();
  stream.next();
  stream.next();
}
for (let turns = 0; turns < 20; turns += 1) await turn();
