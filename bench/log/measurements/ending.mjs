// From a runner's last event to the ending that its consumer sees, which a durable log holds back until it is written. Many
// streams at a provider's pace, so that the machine is not busy: what is measured is waiting.
import { join } from 'node:path';
import { quantile } from '../../statistics.mjs';
import { freshFolder } from '../../temporary.mjs';
import { cpuTime } from '../../work/cpu-time.mjs';
import { createRecorder } from '../recorders/load.mjs';
import { Beat } from '../work/beat.mjs';
import { PacedStream } from '../work/paced.mjs';

async function play(recorder, name, stream, { until, onEnding }) {
  while (performance.now() < until) {
    for await (const _event of recorder.open(name));
    onEnding(performance.now() - stream.lastEventAt);
  }
}

/** @returns milliseconds: `p50`, `p99`, `max`; `busy`: percent of a core that the main thread took. */
export async function measure(contender, { streams, deltas, period_ms, warmUp_s, seconds }) {
  const beat = new Beat(period_ms);
  const works = Array.from({ length: streams }, (_, number) => new PacedStream(beat, number, deltas));
  const recorder = await createRecorder(contender, join(freshFolder(), 'log'), works);
  const warmUntil = performance.now() + warmUp_s * 1000;
  const until = warmUntil + seconds * 1000;
  const times = [];
  const onEnding = (time) => {
    if (performance.now() >= warmUntil) times.push(time);
  };
  const elapsed = cpuTime();
  await Promise.all(works.map((stream, number) => play(recorder, String(number), stream, { until, onEnding })));
  beat.stop();
  const busy = elapsed().thisThread / 1e4 / (warmUp_s + seconds);
  const sorted = times.toSorted((a, b) => a - b);
  if (sorted.length === 0) throw new Error('no ending came');
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), max: sorted.at(-1), busy };
}
