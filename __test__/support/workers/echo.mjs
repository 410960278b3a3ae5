/** A thread whose runner streams a little and then fails. */
import { parentPort } from 'node:worker_threads';
import { setInferenceRunner } from 'car-inference';

setInferenceRunner(async (_request, { emit }) => {
  await emit({ type: 'text-delta', text: 'from the thread' });
  throw new RangeError('far away');
});
parentPort.on('message', () => {});
parentPort.postMessage('registered');
