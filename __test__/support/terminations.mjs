/** Terminates a thread in one phase of one call, and says what the other side of the call makes of it. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { currentInferenceRunner, InferenceEngine, setInferenceRunner } from 'car-inference';
import { newCells, reached } from './workers/latch.mjs';

/** Phases of `workers/mortal.mjs` by role, and what the other side is to see. */
export const TERMINATIONS = [
  ['runner', 'before the first pull', { code: 'no-runner' }],
  ['runner', 'in the runner', { code: 'runner-failed', text: 'a' }],
  ['runner', 'while the runner awaits', { code: 'runner-failed', text: 'a' }],
  ['runner', 'while the generator awaits', { code: 'runner-failed', text: 'a' }],
  ['runner', 'while the buffer is full', { code: 'runner-failed', text: 'aaaa' }],
  ['runner', 'during the ending', { done: 'a' }],
  ['runner', 'while it is cancelled', { code: 'cancelled', text: 'a' }],
  ['consumer', 'before the first pull', { runs: 0 }],
  ['consumer', 'in mid-stream', { runs: 1, reason: 'cancelled', emitted: 'closed' }],
  ['consumer', 'while the buffer is full', { runs: 1, reason: 'cancelled', emitted: 'closed' }],
  ['consumer', 'during the ending', { runs: 1, reason: 'cancelled', emitted: 'closed' }],
  ['consumer', "in close('drain')", { runs: 1, reason: 'cancelled', emitted: 'closed' }],
  ['consumer', "in close('cancel')", { runs: 1, reason: 'cancelled', emitted: 'closed' }],
  ['consumer', 'when it has detached', { runs: 1, reason: 'cancelled', emitted: 'closed' }],
  ['alone', 'in the runner', {}],
  ['alone', 'during the ending', {}],
  ['alone', "in close('cancel')", {}],
  ['alone', 'while a retry waits', {}],
];

let count = 0;

/** What the other side saw; `isFree` says whether the slot is empty afterwards. */
export async function terminateIn(role, phase) {
  count += 1;
  const mortal = { role, phase, cells: newCells(), hint: `mortal ${count}` };
  const worker = () => new Worker(new URL('./workers/mortal.mjs', import.meta.url), { workerData: mortal });
  const seen = await { runner: runnerDies, consumer: consumerDies, alone: bothDie }[role](worker, mortal);
  return { ...seen, isFree: currentInferenceRunner({ hint: mortal.hint }) === null };
}

async function runnerDies(start, { phase, cells, hint }) {
  const worker = start();
  await once(worker, 'message');
  const engine = new InferenceEngine({
    models: [{ id: hint, source: { type: 'delegated', hint } }],
    timeouts: { firstEventMs: null, idleMs: null, totalMs: null, graceMs: 600_000 },
    limits: { bufferedEventsMax: 4 },
  });
  const stream = engine.generateTrackedStream({ model: hint, prompt: 'hi' });
  const isUnpulled = phase === 'before the first pull';
  if (!isUnpulled) await stream.next();
  if (phase === 'while it is cancelled') stream.cancel();
  const waits = !isUnpulled && phase !== 'while the buffer is full';
  const seen = waits ? restOf(stream) : undefined;
  await reached(cells);
  await worker.terminate();
  // What had passed the gate by then arrives before the failure.
  return await (seen ?? restOf(stream));
}

async function restOf(stream) {
  try {
    let last;
    for await (const event of stream) last = event;
    return { done: last.text };
  } catch (error) {
    return failure(error);
  }
}

function failure({ code, text }) {
  // How far a runner runs ahead is no promise; that nothing is lost is.
  return text === undefined ? { code } : { code, text: text.slice(0, 4) };
}

async function consumerDies(start, { phase, cells, hint }) {
  let runs = 0;
  let emitter;
  let wasReady;
  const ready = new Promise((resolve) => {
    wasReady = resolve;
  });
  const registration = setInferenceRunner(
    async (_request, its) => {
      runs += 1;
      emitter = its;
      its.emit({ type: 'text-delta', text: 'a' });
      if (phase === 'during the ending') its.emit({ type: 'done', text: 'a', toolCalls: [] });
      if (phase === 'while the buffer is full') {
        for (;;) {
          const outcome = its.emit({ type: 'text-delta', text: 'a' });
          if (typeof outcome !== 'string') break;
        }
      }
      wasReady();
      await its.cancelled();
    },
    { hint },
  );
  const worker = start();
  await reached(cells);
  if (phase !== 'before the first pull') await ready;
  await worker.terminate();
  registration.dispose();
  if (emitter === undefined) return { runs };
  const { code: reason } = await emitter.cancelled();
  return { runs, reason, emitted: await emitter.emit({ type: 'text-delta', text: 'late' }) };
}

async function bothDie(start, { cells }) {
  const worker = start();
  await reached(cells);
  await worker.terminate();
  return {};
}
