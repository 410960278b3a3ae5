// What `npm run bench:log` measures, and what stands beside its figures.
import { fileURLToPath } from 'node:url';
import { contenders } from './contenders.mjs';
import { judge } from './goals.mjs';
import { plan } from './plan.mjs';

const introduction = `# Benchmarks of the durable log

The last whole run of \`npm run bench:log\`, written by it. Do not edit: run it again. Nothing here is asserted by a test.`;

const howToRepeat = `## How to repeat it

On a machine that does nothing else, from a clone; the first run also builds the addon and generates two logs in \`target/\`:

\`\`\`sh
npm run bench:log -- --json --markdown        # this file, and every sample in bench/log/results.json
npm run bench:log -- --from --markdown        # this file again, from bench/log/results.json
npm run bench:log -- --quick                  # a look that takes a few minutes
npm run bench:log -- --only recording,car-call # a part
\`\`\`

[bench/README.md](bench/README.md#the-durable-log) says how to read it.`;

const howToRead = `## How to read it

[bench/README.md](bench/README.md#the-durable-log) says what is measured, and what the peers leave out. A figure is the median of
its rounds, with the lowest and the highest in parentheses; \`2.00×\` is the median of its ratios to the baseline of the same
round. CPU time is that of the operating system.`;

export const suite = {
  contenders,
  plan,
  judge,
  peers: ['better-sqlite3'],
  resultsFile: fileURLToPath(new URL('results.json', import.meta.url)),
  options: { calls: { type: 'string' } },
  markdown: {
    name: 'BENCHMARKS-LOG.md',
    file: fileURLToPath(new URL('../../BENCHMARKS-LOG.md', import.meta.url)),
    introduction,
    howToRead,
    howToRepeat,
  },
};
