// A worker that looks how large a file is, again and again, and keeps the largest size in shared memory.
import { statSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

const { file, largest } = workerData;
const look_ms = 1;
const nobody = new Int32Array(new SharedArrayBuffer(4));

for (;;) {
  const size = BigInt(statSync(file, { throwIfNoEntry: false })?.size ?? 0);
  if (size > Atomics.load(largest, 0)) Atomics.store(largest, 0, size);
  Atomics.wait(nobody, 0, 0, look_ms);
}
