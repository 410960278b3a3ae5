// A worker that only consumes: does what it is ordered and tells how much of its own CPU time that took, and how many
// events came.
import { parentPort, workerData } from 'node:worker_threads';
import { loadContender } from '../contenders/load.mjs';
import { consumeSideBySide } from './consume.mjs';
import { cpuTime } from './cpu-time.mjs';

const { connect } = await loadContender(workerData.contender);
const { open } = connect(parentPort);

parentPort.on('message', async ({ isOrder, work, streams, batches }) => {
  if (!isOrder) return;
  const elapsed = cpuTime();
  let events = 0;
  for (let batch = 0; batch < batches; batch += 1) events += await consumeSideBySide(streams, () => open(work));
  parentPort.postMessage({ cpu: elapsed().thisThread, events });
});
