// What events take on the disk. Not timed: a thread looks at the files meanwhile.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { freshFolder } from '../../temporary.mjs';
import { answer } from '../../work/answer.mjs';
import { consumeSideBySide } from '../../work/consume.mjs';
import { createRecorder } from '../recorders/load.mjs';

const bytesOfMebibyte = 1024 ** 2;
const watcher = new URL('../work/largest-file.mjs', import.meta.url);

/** @returns `bytesPerEvent` once the log is closed; `walPeak`: the largest that the write-ahead log was, in MiB. */
export async function measure(contender, { deltas, streams, batches }) {
  const file = join(freshFolder(), 'log');
  const recorder = await createRecorder(contender, file, { answer: answer({ deltas, usage: true }) });
  const largest = new BigInt64Array(new SharedArrayBuffer(8));
  const worker = new Worker(watcher, { workerData: { file: `${file}-wal`, largest } });
  await new Promise((resolve) => worker.once('online', resolve));
  let events = 0;
  for (let batch = 0; batch < batches; batch += 1) {
    events += await consumeSideBySide(streams, () => recorder.open('answer'));
  }
  await recorder.settle();
  await recorder.close();
  await worker.terminate();
  return {
    bytesPerEvent: statSync(file).size / events,
    walPeak: Number(Atomics.load(largest, 0)) / bytesOfMebibyte,
  };
}
