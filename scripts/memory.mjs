// npm run test:memory: our code under LeakSanitizer and valgrind, as far as this machine has them. The dev build, for its
// line numbers. `npm run test:memory -- lsan` or `-- valgrind` runs the parts of one tool, or whatever else is in a name.
import { leakSanitizerParts, valgrindParts } from './memory/parts.mjs';
import { findLeakSanitizer, findValgrind } from './memory/tools.mjs';
import { runAll } from './outcomes.mjs';
import { prepare } from './prepare.mjs';
import { entry } from './progress.mjs';
import { forgetTally } from './tally.mjs';

function skipped(name, detail) {
  return { name, check: async () => ({ outcome: 'skipped', detail }) };
}

await entry(async () => {
  forgetTally('memory');
  const wanted = process.argv[2] ?? '';
  const leakSanitizer = await findLeakSanitizer();
  const valgrind = await findValgrind();
  await prepare();
  const parts = [
    ...(leakSanitizer.missing ? [skipped('lsan', leakSanitizer.missing)] : leakSanitizerParts(leakSanitizer.library)),
    ...(valgrind.missing ? [skipped('valgrind', valgrind.missing)] : valgrindParts()),
  ];
  return runAll(
    'npm run test:memory',
    'memory',
    parts.filter(({ name }) => name.includes(wanted)),
  );
});
