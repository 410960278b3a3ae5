// A run as Markdown, all of its file.
import { writeFileSync } from 'node:fs';
import { goalHeader, goalRows, problemsOf, tablesOf } from './tables.mjs';

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

function section(measurement, contenders) {
  const tables = tablesOf(measurement, contenders).map(({ title, header, rows }) =>
    table([[title, ...header], ...rows]),
  );
  const problems = problemsOf(measurement).map((problem) => `Failed: ${problem.split('\n')[0]}`);
  return [`## ${measurement.title}`, measurement.note, ...tables, ...problems].join('\n\n');
}

/** @param suite whose run it was. */
export function markdownOf(report, { contenders, markdown }) {
  const goals = report.goals.length > 0 ? ['## Goals', table([goalHeader, ...goalRows(report.goals)])] : [];
  const sections = report.results.map((measurement) => section(measurement, contenders));
  return `${[
    markdown.introduction,
    circumstances(report),
    ...goals,
    ...sections,
    markdown.howToRead,
    markdown.howToRepeat,
  ].join('\n\n')}\n`;
}

export function writeMarkdown(report, suite) {
  const { file } = suite.markdown;
  writeFileSync(file, markdownOf(report, suite));
  console.log(`▸ wrote ${file}`);
}
