// The soak itself, in a process of its own: `npm run soak` starts it with what options.mjs reads.
import { setTimeout as sleep } from 'node:timers/promises';
import { queryObjects } from 'node:v8';
import { InferenceEngine, TrackedStream } from 'car-inference';
import { Load } from './load.mjs';
import { readOptions } from './options.mjs';
import { growthLine, heading, kindTable, line } from './report.mjs';
import { collectGarbage, handleCount, takeSample, threadCount } from './sample.mjs';
import { judgeGrowth } from './verdict.mjs';

/** How long what has begun may take to end once nothing new begins. */
const drain_ms = 60_000;
/** Threads that a process gets once and keeps: Rust's two, libuv's four. */
const lasting_threads = 6;

if (globalThis.gc === undefined) throw new Error('start it with npm run soak, or with the flags of node-flags.mjs');
const { callsMax, durationMs, everyMs, seed, size } = readOptions(process.argv.slice(2));
const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());

console.log(`soak: ${(durationMs / 60_000).toFixed(2)} minutes, --seed ${seed}, node ${process.versions.node}`);
console.log(heading());
// After something has been printed: where the output goes may be a handle too.
const before = { handles: handleCount(), threads: threadCount() };
const load = new Load(seed, size);
const startedAt = performance.now();
const samples = [];

async function sample() {
  const taken = await takeSample(load, startedAt);
  console.log(line(taken, samples.at(-1)));
  samples.push(taken);
}

function isOver() {
  return interrupted.signal.aborted || performance.now() - startedAt >= durationMs || load.tally.ended >= callsMax;
}

/** Waits until the condition holds; answers whether it did in time. */
async function settles(holds) {
  const deadline = performance.now() + drain_ms;
  while (!(await holds())) {
    if (performance.now() > deadline) return false;
    await collectGarbage();
    await sleep(10);
  }
  return true;
}

let nextSampleAt = everyMs;
while (!isOver()) {
  await sleep(Math.min(100, everyMs), undefined, { signal: interrupted.signal }).catch(() => {});
  if (performance.now() - startedAt < nextSampleAt) continue;
  await sample();
  nextSampleAt += everyMs;
}

load.stop();
let drained = false;
load.ended().then(() => {
  drained = true;
});
const endings = [];
function judge(what, holds, found = '') {
  endings.push({ what, holds, found });
}
judge('every lane came to its end', await settles(() => drained), load.lanes.running.join(', '));
const isLetGo = async () => {
  await load.forgotten.look();
  return load.forgotten.waiting === 0 && load.unfinishedRuns === 0 && (await load.openCalls()) === 0;
};
await settles(isLetGo);
const { tally } = load;
judge('every call ended as its script says', tally.mismatchCount === 0, `${tally.mismatchCount} did not`);
judge('every call that began has ended', tally.open === 0, `${tally.open} have not`);
judge('forgotten streams were cancelled', load.forgotten.waiting === 0, `${load.forgotten.waiting} were not`);
judge('every runner was let go', load.unfinishedRuns === 0, `${load.unfinishedRuns} still run`);
const openCalls = await load.openCalls();
judge('no call is open in the log', openCalls === 0, `${openCalls} are`);
const forgottenCount = load.forgotten.ended;

load.dispose();
const objects = () =>
  queryObjects(TrackedStream, { format: 'count' }) + queryObjects(InferenceEngine, { format: 'count' });
judge('no stream and no engine is left', await settles(() => objects() === 0), `${objects()} are`);
judge('handles are back', handleCount() <= before.handles, `${before.handles} → ${handleCount()}`);
const threads = threadCount();
if (threads !== undefined) {
  judge('threads are back', threads <= before.threads + lasting_threads, `${before.threads} → ${threads}`);
}

console.log(`\ncalls by kind, and how they had to end:\n${kindTable(tally.kinds)}`);
console.log(`  ${'forgotten'.padEnd(12)} ${String(forgottenCount).padStart(9)} cancelled\n`);
for (const mismatch of tally.mismatches) console.log(`✗ ${mismatch}`);
for (const { what, holds, found } of endings) console.log(holds ? `✓ ${what}` : `✗ ${what}: ${found}`);
const growth = judgeGrowth(samples);
for (const judged of growth) console.log(growthLine(judged));
if (growth.length === 0) console.log('– growth: skipped, the run was too short to tell');
const failures =
  endings.filter(({ holds }) => !holds).length + growth.filter(({ outcome }) => outcome === 'grew').length;
const events = samples.at(-1)?.events ?? tally.events;
console.log(
  `soak: ${failures === 0 ? 'passed' : 'failed'}: ${tally.ended + forgottenCount} calls, ${tally.events || events} events`,
);
process.exit(failures === 0 ? 0 : 1);
