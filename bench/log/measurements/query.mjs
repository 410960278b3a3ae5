// One question to a log of many calls, from JavaScript and back.
import { EventLog } from 'car-inference';
import { generatedFile } from '../generated.mjs';
import { questions } from '../questions.mjs';
import { timesOf } from '../work/times.mjs';

/** @returns milliseconds: `first`, the first time in a process; `p50`, `max` of the times after it. */
export async function measure(contender, { calls, hasTextIndex, times }) {
  const { of, ask, least } = questions[contender];
  const log = await EventLog.open(generatedFile({ calls, hasTextIndex }), { access: 'read' });
  // What the question is about is asked of another log, so that the one that is measured has answered nothing yet.
  const about = await EventLog.open(generatedFile({ calls, hasTextIndex }), { access: 'read' });
  const wanted = await of(about);
  await about.close();
  return timesOf(times, async () => {
    const found = await ask(log, wanted);
    if (found.length < least) throw new Error(`${contender}: ${found.length} found instead of ${least} or more`);
  });
}
