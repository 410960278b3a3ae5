// How long opening takes.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { EventLog } from 'car-inference';
import { freshFolder } from '../../temporary.mjs';
import { generatedFile } from '../generated.mjs';
import { questions } from '../questions.mjs';
import { timesOf } from '../work/times.mjs';

const bytesOfMebibyte = 1024 ** 2;

/** @returns milliseconds: `first` in a process, `p50` and `max` of those after it; `size` of the file in MiB. */
export async function measure(contender, { calls, hasTextIndex, times }) {
  const { opens } = questions[contender];
  const isNew = opens === 'new';
  const folder = freshFolder();
  let opened = 0;
  let log;
  const fileOf = () => (isNew ? join(folder, `${opened}.db`) : generatedFile({ calls, hasTextIndex }));
  const measured = await timesOf(
    times,
    async () => {
      log = await EventLog.open(fileOf(), { access: opens === 'read' ? 'read' : 'write' });
    },
    async () => {
      await log.close();
      opened += 1;
    },
  );
  return { ...measured, size: isNew ? 0 : statSync(fileOf()).size / bytesOfMebibyte };
}
