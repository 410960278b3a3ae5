// A process that saturates a log of each durability at the same time, and says as JSON what each came to.
import { setInferenceRunner } from 'car-inference';
import { answer, saturate } from './saturation.mjs';

const { folder, durabilities, durationMs, callers } = JSON.parse(process.argv[2]);
setInferenceRunner(answer);
const reports = await Promise.all(
  durabilities.map((durability) => saturate({ folder, durability, durationMs, callers })),
);
console.log(JSON.stringify(reports));
