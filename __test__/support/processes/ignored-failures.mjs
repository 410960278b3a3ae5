// Calls fail, and nobody looks at their promises.
import { setInferenceRunner } from 'car-inference';
import { newEngine, registerHangingRunner, startStream } from './setup.mjs';

process.on('unhandledRejection', (reason) => console.log('unhandled', reason));
process.on('warning', (warning) => console.log('warning', warning.message));

setInferenceRunner(async () => {
  throw new Error('no');
});
newEngine().generate({ model: 'gpt-5', prompt: 'hi' });
newEngine().generate({ model: 'unknown', prompt: 'hi' });
newEngine().generate({});
startStream().result();
startStream().next();
startStream().textStream.next();
const twice = startStream();
twice.next();
twice.next();
startStream().detach();
setInferenceRunner(async function* () {
  yield 5;
});
startStream().result();

registerHangingRunner();
const left = startStream();
left.result();
await left.next();
await left.return();
const aborted = new AbortController();
const stream = newEngine().generateTrackedStream({ model: 'gpt-5', prompt: 'hi' }, { signal: aborted.signal });
stream.result();
await stream.next();
aborted.abort(new Error('enough'));
await stream.return();
const engine = newEngine();
engine.generate({ model: 'gpt-5', prompt: 'hi' });
await engine.close('cancel');
setInferenceRunner(null);
newEngine().generate({ model: 'gpt-5', prompt: 'hi' });
setImmediate(() => setImmediate(() => console.log('end of script')));
