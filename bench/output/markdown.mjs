// The last table, in BENCHMARKS.md between its two markers.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { goalHeader, goalRows, problemsOf, tablesOf } from './tables.mjs';

const file = fileURLToPath(new URL('../../BENCHMARKS.md', import.meta.url));
const begin = '<!-- results: written by npm run bench -- --markdown -->';
const end = '<!-- end of results -->';

function table(rows) {
  const [header, ...body] = rows.map((row) => `| ${row.join(' | ')} |`);
  return [header, `|${'---|'.repeat(rows[0].length)}`, ...body].join('\n');
}

function circumstances({ date, size, commit, machine, versions, loadAverage }) {
  const { cpu, cores, memory_GiB, system } = machine;
  return table([
    ['date', `${date}${size === 'quick' ? ', a quick run' : ''}`],
    ['commit', commit],
    ['machine', `${cpu}, ${cores} cores, ${memory_GiB} GiB, ${system}`],
    ['load of the machine', `${loadAverage.before} before, ${loadAverage.after} after`],
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
  return [`### ${measurement.title}`, measurement.note, ...tables, ...problems].join('\n\n');
}

export function writeMarkdown(report) {
  const text = readFileSync(file, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`BENCHMARKS.md has lost its markers: ${begin} and ${end}`);
  const goals = report.goals.length > 0 ? ['### Goals', table([goalHeader, ...goalRows(report.goals)])] : [];
  const parts = [begin, circumstances(report), ...goals, ...report.results.map(section), end];
  writeFileSync(file, `${text.slice(0, from)}${parts.join('\n\n')}${text.slice(to + end.length)}`);
  console.log(`▸ wrote ${file}`);
}
