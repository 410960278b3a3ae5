// The benchmark. `npm run bench` builds what it measures and then starts this with the arguments it got.
import { readFileSync, writeFileSync } from 'node:fs';
import { circumstances, load } from './circumstances.mjs';
import { judge } from './goals.mjs';
import { readOptions } from './options.mjs';
import { writeMarkdown } from './output/markdown.mjs';
import { problemsOf } from './output/tables.mjs';
import { printGoals, printMeasurement } from './output/terminal.mjs';
import { runCell } from './rounds.mjs';

async function run(measurement) {
  const { name, title, note, figures } = measurement;
  const cells = [];
  for (const cell of measurement.cells) {
    const startedAt = performance.now();
    cells.push(await runCell(measurement, cell));
    console.log(`▸ ${name} ${cell.name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
  }
  const result = { name, title, note, figures, cells };
  printMeasurement(result);
  return result;
}

async function runAll({ size, measurements }) {
  const started = { date: new Date(), clock: performance.now() };
  const before = load();
  const results = [];
  for (const measurement of measurements) results.push(await run(measurement));
  const loadAverage = { before, after: load() };
  const minutes = Number(((performance.now() - started.clock) / 60_000).toFixed(1));
  return {
    date: started.date.toISOString(),
    minutes,
    size,
    ...circumstances(),
    loadAverage,
    goals: judge(results),
    results,
  };
}

/** An earlier run, judged by today's goals. */
function readReport(file) {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  for (const result of report.results) printMeasurement(result);
  return { ...report, goals: judge(report.results) };
}

function readOptionsOrExit() {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`✗ ${error.message}`);
    return process.exit(2);
  }
}

const options = readOptionsOrExit();
const report = options.fromFile ? readReport(options.fromFile) : await runAll(options);
printGoals(report.goals);
if (options.jsonFile) {
  writeFileSync(options.jsonFile, `${JSON.stringify(report, undefined, 2)}\n`);
  console.log(`▸ wrote ${options.jsonFile}`);
}
if (options.writesMarkdown) writeMarkdown(report);
if (report.results.flatMap(problemsOf).length > 0) process.exitCode = 1;
