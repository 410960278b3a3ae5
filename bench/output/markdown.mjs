// BENCHMARKS.md, all of it, from one run.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { goalHeader, goalRows, problemsOf, tablesOf } from './tables.mjs';

const file = fileURLToPath(new URL('../../BENCHMARKS.md', import.meta.url));

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

function table(rows) {
  const [header, ...body] = rows.map((row) => `| ${row.join(' | ')} |`);
  return [header, `|${'---|'.repeat(rows[0].length)}`, ...body].join('\n');
}

function circumstances({ date, minutes, size, commit, machine, versions, loadAverage }) {
  const { cpu, cores, memory_GiB, system } = machine;
  return table([
    ['date', `${date.slice(0, 10)}${size === 'full' ? '' : `, a ${size} run`}, ${minutes} minutes`],
    ['commit', commit],
    ['machine', `${cpu}, ${cores} cores, ${memory_GiB} GiB, ${system}`],
    ['load of the machine', `${loadAverage.before} before, ${loadAverage.after} after (the run itself is about 1)`],
    [
      'versions',
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
  ]);
}

function section(measurement) {
  const tables = tablesOf(measurement).map(({ title, header, rows }) => table([[title, ...header], ...rows]));
  const problems = problemsOf(measurement).map((problem) => `Failed: ${problem.split('\n')[0]}`);
  return [`## ${measurement.title}`, measurement.note, ...tables, ...problems].join('\n\n');
}

export function markdownOf(report) {
  const goals = report.goals.length > 0 ? ['## Goals', table([goalHeader, ...goalRows(report.goals)])] : [];
  const sections = report.results.map(section);
  return `${[introduction, circumstances(report), ...goals, ...sections, howToRead, howToRepeat].join('\n\n')}\n`;
}

export function writeMarkdown(report) {
  writeFileSync(file, markdownOf(report));
  console.log(`▸ wrote ${file}`);
}
