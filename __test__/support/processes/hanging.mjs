// Calls that hang under the default timeouts: waiting for them in every way there is keeps no process.
import { setInferenceRunner } from 'car-inference';
import { newEngine, startStream } from './setup.mjs';

setInferenceRunner(() => new Promise(() => {}));
const log = (what) => () => console.log(what);
startStream().next().then(log('event'));
startStream().result().then(log('result'));
const detached = startStream();
detached.detach();
detached.result().then(log('detached'));
const engine = newEngine();
engine.generateTrackedStream({ model: 'gpt-5', prompt: 'hi' }).next();
globalThis.opened = engine.generateTrackedStream({ model: 'gpt-5', prompt: 'hi' });
if (globalThis.opened.traceId !== '') console.log('hanging');
engine.close('drain').then(log('drained'));
