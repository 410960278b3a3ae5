// A call in mid-stream, and then this process, or the thread of one side of the call, comes to an end in one of the ways.
import { Worker } from 'node:worker_threads';
import { consume, endings, host, say } from './mid-stream.mjs';

const [, , layout, side, way] = process.argv;
const strike = (role) => (side === role ? endings[way] : undefined);
const thread = (role) => {
  const workerData = { role, strikes: side === role ? way : undefined };
  const worker = new Worker(new URL('../workers/mid-stream.mjs', import.meta.url), { workerData });
  worker.on('error', ({ message }) => say({ threadFailed: message }));
  worker.on('exit', (code) => say({ threadExited: code }));
  return worker;
};

// Something else of the host's that keeps the process: only the ending ends it.
const alive = setInterval(() => {}, 2 ** 30);

if (layout === 'one thread') {
  host(strike('runner'));
  say(await consume(strike('consumer')));
} else if (layout === 'runner in a thread') {
  const worker = thread('runner');
  await new Promise((resolve) => worker.once('message', resolve));
  say(await consume(strike('consumer')));
} else {
  const heard = host(strike('runner'));
  const worker = thread('consumer');
  await Promise.all([heard, new Promise((resolve) => worker.once('exit', resolve))]);
}
clearInterval(alive);
