// Threads that come and go, from the main thread's side.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { brief, play } from './kinds/index.mjs';
import { orphaned, vacant } from './kinds/orphaned.mjs';

const calls_max = 30;
const pair_hint = 'pair';

function startThread(workerData) {
  return new Worker(new URL('./thread.mjs', import.meta.url), { workerData });
}

/** A thread that serves the model of `place` for a while and then goes, asked to or not. */
export async function runnerThread(place, tally) {
  const { model, random } = place;
  const worker = startThread({ role: 'runner', hint: model });
  const exited = once(worker, 'exit');
  await once(worker, 'message');

  const end = random.of(['leave', 'exit', 'terminate']);
  const several = Array.from({ length: 3 }, () => random.integer(1, calls_max / 3));
  await Promise.all(
    several.map(async (count) => {
      for (let call = 0; call < count; call += 1) await play(random.of(brief), place, tally, 'runner in a thread');
    }),
  );
  if (end === 'terminate')
    await play(
      orphaned(() => worker.terminate()),
      place,
      tally,
      'thread terminated',
    );
  else if (end === 'exit')
    await play(
      orphaned(() => worker.postMessage('exit')),
      place,
      tally,
      'thread exits',
    );
  else worker.postMessage('leave');
  await exited;
  await play(vacant, place, tally, 'thread gone');
}

/** A thread that consumes calls of this thread's runner and of another's; it comes to its end, or is terminated. */
export async function consumerThreads({ pause, random }, tally) {
  const serving = startThread({ role: 'runner', hint: pair_hint });
  const served = once(serving, 'exit');
  await once(serving, 'message');

  const consuming = startThread({
    role: 'consumer',
    models: ['here', pair_hint],
    calls: random.integer(1, calls_max),
    seed: random.integer(0, 2 ** 32 - 1),
  });
  const consumed = once(consuming, 'exit');
  consuming.on('message', (counted) => tally.add(counted));
  if (random.next() < 0.5) {
    await Promise.race([consumed, pause(random.integer(50, 400))]);
    await consuming.terminate();
  }
  await consumed;
  // It goes when all its runs have finished, those for the thread that is gone too.
  serving.postMessage('leave');
  await served;
}
