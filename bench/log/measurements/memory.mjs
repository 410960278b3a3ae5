// What the process takes while many streams record: at a provider's pace, or as fast as they can, with a turn of the event
// loop after a chunk of events, as a socket gives them.
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { freshFolder } from '../../temporary.mjs';
import { createRecorder } from '../recorders/load.mjs';
import { Beat } from '../work/beat.mjs';
import { PacedStream } from '../work/paced.mjs';

const bytesOfMebibyte = 1024 ** 2;
const look_ms = 20;

/** Chunks of events without a pause in between. */
class FastStream {
  #deltas;

  constructor(deltas) {
    this.#deltas = deltas;
  }

  async *pull() {
    for (let index = 0; index < this.#deltas; index += 1) {
      if (index % 50 === 0) await setImmediate();
      yield { type: 'text-delta', text: 'w000' };
    }
  }
}

async function play(recorder, name, until) {
  do {
    for await (const _event of recorder.open(name));
  } while (performance.now() < until);
}

/** @returns MiB: `rss`, the most that the process took beyond what it took before; `queue`, the most that waited to be written. */
export async function measure(contender, { streams, deltas, period_ms, seconds }) {
  const beat = period_ms === undefined ? undefined : new Beat(period_ms);
  const works = Array.from({ length: streams }, (_, number) =>
    beat ? new PacedStream(beat, number, deltas) : new FastStream(deltas),
  );
  const recorder = await createRecorder(contender, join(freshFolder(), 'log'), works);
  await play(recorder, '0', 0);
  gc();
  const before = process.memoryUsage.rss();
  let [rss, queue] = [before, 0];
  let isOver = false;
  const look = async () => {
    while (!isOver) {
      rss = Math.max(rss, process.memoryUsage.rss());
      queue = Math.max(queue, await recorder.queuedBytes());
      await new Promise((resolve) => setTimeout(resolve, look_ms));
    }
  };
  const looking = look();
  const until = performance.now() + seconds * 1000;
  await Promise.all(works.map((_, number) => play(recorder, String(number), until)));
  isOver = true;
  await looking;
  beat?.stop();
  return { rss: (rss - before) / bytesOfMebibyte, queue: queue / bytesOfMebibyte };
}
