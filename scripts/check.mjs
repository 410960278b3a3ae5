// npm run check: everything that is not a test. Runs every check whatever the others did, ends with a table.
import { checks } from './check/all.mjs';
import { snapshotGenerated } from './check/generated-drift.mjs';
import { runAll } from './outcomes.mjs';
import { prepare } from './prepare.mjs';
import { entry, StepFailure } from './progress.mjs';
import { forgetTally } from './tally.mjs';

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
  return runAll('npm run check', 'check', [{ name: 'set-up', check: setUp }, ...checks(generated)]);
});
