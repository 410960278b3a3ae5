// npm test: set-up, every Rust test, every JavaScript test. `npm test -- <pattern>` runs only vitest, with the pattern.
import { cargoTestRuns, runCargoTests } from './cargo-tests.mjs';
import { prepare } from './prepare.mjs';
import { entry, seconds } from './progress.mjs';
import { forgetTally, keepTally, Tally } from './tally.mjs';
import { runVitest } from './vitest-tests.mjs';

const vitestArguments = process.argv.slice(2);

async function timed(title, run) {
  const startedAt = performance.now();
  console.log(`▸ ${title}`);
  const { code, counts } = await run();
  const tally = new Tally();
  tally.addRun(code, counts);
  return { title, tally, time: seconds(startedAt) };
}

await entry(async () => {
  forgetTally('test');
  await prepare();

  const runs = [];
  if (vitestArguments.length === 0) {
    for (const run of cargoTestRuns) runs.push(await timed(run.title, () => runCargoTests(run)));
  }
  runs.push(await timed('vitest', () => runVitest(vitestArguments)));

  const total = new Tally();
  console.log();
  for (const { title, tally, time } of runs) {
    console.log(`${tally.failed === 0 ? '✓' : '✗'} ${title.padEnd(26)} ${tally} (${time})`);
    total.add(tally);
  }
  console.log(`npm test: ${total}`);
  keepTally('test', total);
  return total.failed === 0 ? 0 : 1;
});
