// A worker thread of Deno that does nothing but open a log and close it.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { EventLog } from 'car-inference';

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { workerData: Deno.args[0] });
  worker.on('message', (said) => console.log(JSON.stringify(said)));
  worker.on('exit', (code) => console.log(JSON.stringify({ code })));
} else {
  const log = await EventLog.open(workerData);
  parentPort.postMessage('opened');
  await log.close();
  parentPort.postMessage('closed');
}
