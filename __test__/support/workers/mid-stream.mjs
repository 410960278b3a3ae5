/** The thread's side of `processes/endings.mjs`. */
import { parentPort, workerData } from 'node:worker_threads';
import { consume, endings, host } from '../processes/mid-stream.mjs';

const { role, strikes } = workerData;
const strike = strikes ? endings[strikes] : undefined;
if (role === 'runner') {
  host(strike);
  parentPort.on('message', () => {});
  parentPort.postMessage('ready');
} else {
  const seen = await consume(strike);
  parentPort.postMessage(seen);
}
