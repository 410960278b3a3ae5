// A stream that nobody holds any more cancels its runner.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { setInferenceRunner } from 'car-inference';
import { startStream } from './setup.mjs';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');
let reason;
setInferenceRunner(async (_request, { emit, signal }) => {
  await emit({ type: 'text-delta', text: 'first' });
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  reason = signal.reason;
});
await (async () => {
  await startStream().next();
})();
while (reason === undefined) {
  collectGarbage();
  await new Promise((resolve) => setImmediate(resolve));
}
console.log(reason.code);
