// Things that pass, fail or cannot be done here: runs one after the other whatever the others did, and sums them up.
import { seconds } from './progress.mjs';
import { keepTally, Tally } from './tally.mjs';

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
  const note = outcome === 'failed' || detail === '' ? outcome : `${outcome}: ${detail}`;
  console.log(`${marks[outcome]} ${name}: ${note} (${time})`);
  return { name, outcome, note, time };
}

/** Runs the checks, prints a table and a last line for `command`, and resolves to the exit code. */
export async function runAll(command, tallyName, checks) {
  const results = [];
  for (const check of checks) results.push(await run(check));

  const width = Math.max(...results.map(({ name }) => name.length));
  console.log();
  for (const { name, outcome, note, time } of results) {
    console.log(`${marks[outcome]} ${name.padEnd(width)} ${time.padStart(8)}  ${note}`);
  }
  const count = (wanted) => results.filter(({ outcome }) => outcome === wanted).length;
  const tally = new Tally();
  // A skipped check is neither: it must not look like a pass.
  tally.add({ passed: count('passed'), failed: count('failed') });
  console.log(`${command}: ${tally}, ${count('skipped')} skipped`);
  keepTally(tallyName, tally);
  return tally.failed === 0 ? 0 : 1;
}
