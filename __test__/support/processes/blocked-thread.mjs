// The thread of the runner does not turn its loop, and this process ends: by exit, or because nothing keeps it.
import { Worker } from 'node:worker_threads';
import { startStream } from './setup.mjs';

const worker = new Worker(
  `const { parentPort } = require('node:worker_threads');
   require('car-inference').setInferenceRunner(async (_request, { emit }) => {
     await emit({ type: 'text-delta', text: 'first' });
     Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
   });
   parentPort.on('message', () => {});
   parentPort.postMessage('registered');`,
  { eval: true },
);
await new Promise((resolve) => worker.once('message', resolve));
worker.unref();
globalThis.kept = startStream();
console.log((await globalThis.kept.next()).value.text);
if (process.argv[2] === 'exit') process.exit(5);
