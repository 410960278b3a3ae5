// How fast a whole log is compared with its chain.
import { statSync } from 'node:fs';
import { EventLog } from 'car-inference';
import { generatedFile } from '../generated.mjs';

const bytesOfMebibyte = 1024 ** 2;

/** @returns `seconds`; `callsPerSecond`, `throughput` in MiB of the file a second. */
export async function measure(_contender, { calls, hasTextIndex }) {
  const file = generatedFile({ calls, hasTextIndex });
  const log = await EventLog.open(file, { access: 'read' });
  const startedAt = performance.now();
  const { ok, problem } = await log.verify();
  const seconds = (performance.now() - startedAt) / 1000;
  if (!ok) throw new Error(`the generated log is not whole: ${JSON.stringify(problem)}`);
  return { seconds, callsPerSecond: calls / seconds, throughput: statSync(file).size / bytesOfMebibyte / seconds };
}
