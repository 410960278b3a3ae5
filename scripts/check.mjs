// npm run check: everything that is not a test. Runs every check whatever the others did, ends with a table.
import { checks } from './check/all.mjs';
import { snapshotGenerated } from './check/generated-drift.mjs';
import { prepare } from './prepare.mjs';
import { entry, StepFailure, seconds } from './progress.mjs';
import { forgetTally, keepTally, Tally } from './tally.mjs';

const sign_of_life_ms = 10_000;
const marks = { passed: '✓', failed: '✗', skipped: '–' };

/** A check resolves to { outcome: 'passed' | 'failed' | 'skipped', detail? }, and is not expected to throw. */
async function run({ name, check }) {
  const startedAt = performance.now();
  console.log(`▸ ${name}`);
  const timer = setInterval(() => console.log(`  … ${name}: ${seconds(startedAt)}`), sign_of_life_ms);
  let result;
  try {
    result = await check();
  } catch (error) {
    result = { outcome: 'failed', detail: error.stack };
  }
  clearInterval(timer);
  const { outcome, detail = '' } = result;
  const time = seconds(startedAt);
  if (outcome === 'failed') console.error(detail.trimEnd());
  const note = outcome === 'skipped' ? `skipped: ${detail}` : outcome;
  console.log(`${marks[outcome]} ${name}: ${note} (${time})`);
  return { name, outcome, note, time };
}

async function setUp() {
  try {
    await prepare();
    return { outcome: 'passed' };
  } catch (error) {
    if (!(error instanceof StepFailure)) throw error;
    // The step has printed its own output.
    return { outcome: 'failed', detail: error.message };
  }
}

await entry(async () => {
  forgetTally('check');
  // Before set-up, which regenerates what napi generates.
  const generated = await snapshotGenerated();

  const results = [];
  for (const each of [{ name: 'set-up', check: setUp }, ...checks(generated)]) results.push(await run(each));

  console.log();
  for (const { name, outcome, note, time } of results) {
    console.log(`${marks[outcome]} ${name.padEnd(28)} ${time.padStart(8)}  ${note}`);
  }
  const count = (wanted) => results.filter(({ outcome }) => outcome === wanted).length;
  const tally = new Tally();
  // A skipped check is neither: it must not look like a pass.
  tally.add({ passed: count('passed'), failed: count('failed') });
  console.log(`npm run check: ${tally}, ${count('skipped')} skipped`);
  keepTally('check', tally);
  return tally.failed === 0 ? 0 : 1;
});
