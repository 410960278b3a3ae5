// A host that survives its own mistakes: the calls in flight do not notice.
import { setInferenceRunner } from 'car-inference';
import { say } from './mid-stream.mjs';
import { startStream } from './setup.mjs';

process.on('uncaughtException', ({ message }) => say({ caught: message }));
process.on('unhandledRejection', ({ message }) => say({ unhandled: message }));
setInferenceRunner(async function* () {
  yield { type: 'text-delta', text: 'before ' };
  setImmediate(() => {
    throw new Error('thrown');
  });
  Promise.reject(new Error('rejected'));
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  yield { type: 'text-delta', text: 'after' };
});
say({ text: (await startStream().result()).text });
