// npm run count: instructions of the hot path in Rust, compared with scripts/count/instructions.json; `-- --record` writes
// that file anew. What else is counted are tests: __test__/counts.test.ts and crates/car-inference/tests/allocations.rs.
import { countInstructions } from './count/instructions.mjs';
import { runAll } from './outcomes.mjs';
import { entry } from './progress.mjs';
import { requireTools } from './requirements.mjs';
import { forgetTally } from './tally.mjs';

const [argument] = process.argv.slice(2);

await entry(async () => {
  if (argument !== undefined && argument !== '--record') {
    console.error(`✗ npm run count takes --record or nothing, got ${argument}`);
    return 1;
  }
  forgetTally('count');
  await requireTools();
  const what = argument === '--record' ? 'record' : 'compare';
  return runAll('npm run count', 'count', [{ name: 'instructions', check: () => countInstructions(what) }]);
});
