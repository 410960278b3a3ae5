// A script with a durable log whose host replaces every timer by one that never rings.
import { InferenceEngine, setInferenceRunner } from 'car-inference';

const [path] = process.argv.slice(2);
const say = (what) => console.log(JSON.stringify(what));
setInferenceRunner(async function* () {
  yield { type: 'text-delta', text: 'here' };
});

const never = () => ({ ref: () => never(), unref: () => never(), hasRef: () => false });
Object.assign(globalThis, { setTimeout: never, setInterval: never, setImmediate: never });
Object.assign(globalThis, { clearTimeout() {}, clearInterval() {}, clearImmediate() {} });
performance.now = () => 0;
Date.now = () => 0;

const engine = new InferenceEngine({ models: [{ id: 'm', source: { type: 'delegated' } }], eventLog: path });
say({ text: (await engine.generate({ prompt: 'hi' })).text });
say({ calls: (await engine.eventLog.stats()).calls });
await engine.close('drain');
say('closed');
