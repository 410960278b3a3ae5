// What `npm run bench` measures, and what stands beside its figures.
import { fileURLToPath } from 'node:url';
import { contenders } from './contenders/index.mjs';
import { judge } from './goals.mjs';
import { plan } from './plan.mjs';

const introduction = `# Benchmarks

The last whole run of \`npm run bench\`, written by it. Do not edit: run it again. Nothing here is asserted by a test; what must
not change without notice is counted instead, see [Counts](CONTRIBUTING.md#counts).`;

const howToRepeat = `## How to repeat it

On a machine that does nothing else, from a clone; the first run also builds the addon:

\`\`\`sh
npm run bench -- --json --markdown            # this file, and every sample in bench/results.json
npm run bench -- --from --markdown            # this file again, from bench/results.json
npm run bench -- --quick                      # a look that takes about a minute
npm run bench -- --only throughput,floor      # a part
\`\`\`

[bench/README.md](bench/README.md) says where what is.`;

const howToRead = `## How to read it

- Every contender plays the same work: deltas of four characters, one usage event, and \`done\`, to a \`for await\` loop. What
  else a library does or lacks for that price stands at the top of its file in [bench/contenders](bench/contenders/index.mjs).
- The JavaScript floor is a generator, a generator that asks a policy, and a JSON line into a buffer for each event. It checks no
  order and has no limits, timeouts, cancellation or memory of its calls.
- A sample is a process of its own, warm before anything is measured. Contenders take turns, each round beginning with another,
  so that what disturbs the machine disturbs all of them. A figure is the median of its rounds, with the lowest and the highest
  in parentheses; \`0.50×\` is the median of its ratios to the floor of the same round.
- CPU time is that of the operating system, of all threads: garbage collection, compilation and Rust's own are included.`;

export const suite = {
  contenders,
  plan,
  judge,
  peers: ['ai', '@langchain/core', 'nemo-relay-node'],
  resultsFile: fileURLToPath(new URL('results.json', import.meta.url)),
  markdown: {
    name: 'BENCHMARKS.md',
    file: fileURLToPath(new URL('../BENCHMARKS.md', import.meta.url)),
    introduction,
    howToRead,
    howToRepeat,
  },
};
