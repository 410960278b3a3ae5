// A worker of Deno: opens a log, makes calls that the main thread's runner answers, and leaves. Nothing but its awaits keeps it.
import { EventLog, InferenceEngine } from 'car-inference';

const { path } = await new Promise((resolve) => {
  self.onmessage = ({ data }) => resolve(data);
});
self.onmessage = null;
const log = await EventLog.open(path);
const engine = new InferenceEngine({ models: [{ id: 'm', source: { type: 'delegated' } }], eventLog: log });
const answers = await Promise.all(['a', 'b', 'c'].map((prompt) => engine.generate({ prompt })));
let deltas = 0;
for await (const event of engine.generateTrackedStream({ prompt: 'd' })) deltas += event.type === 'text-delta' ? 1 : 0;
await engine.close();
const { calls } = await log.stats();
await log.close();
self.postMessage({ answers: answers.map(({ text }) => text), deltas, calls });
