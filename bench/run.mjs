// A run of a suite: its plan, rounds, tables, goals. A suite says what is measured, of whom, what is to be reached and where
// its results go; `npm run bench` is one.
import { readFileSync, writeFileSync } from 'node:fs';
import { circumstances, load } from './circumstances.mjs';
import { readOptions } from './options.mjs';
import { writeMarkdown } from './output/markdown.mjs';
import { problemsOf } from './output/tables.mjs';
import { printGoals, printMeasurement } from './output/terminal.mjs';
import { runCell } from './rounds.mjs';

async function run(measurement, suite) {
  const { name, title, note, figures } = measurement;
  const cells = [];
  for (const cell of measurement.cells) {
    cell.prepare?.();
    const startedAt = performance.now();
    cells.push(await runCell(measurement, cell));
    console.log(`▸ ${name} ${cell.name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
  }
  const result = { name, title, note, figures, cells };
  printMeasurement(result, suite.contenders);
  return result;
}

async function runAll({ size, measurements }, suite) {
  const started = { date: new Date(), clock: performance.now() };
  const before = load();
  const results = [];
  for (const measurement of measurements) results.push(await run(measurement, suite));
  const loadAverage = { before, after: load() };
  const minutes = Number(((performance.now() - started.clock) / 60_000).toFixed(1));
  return {
    date: started.date.toISOString(),
    minutes,
    size,
    ...circumstances(suite.peers),
    loadAverage,
    goals: suite.judge(results),
    results,
  };
}

/** An earlier run, judged by today's goals. */
function readReport(file, suite) {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  for (const result of report.results) printMeasurement(result, suite.contenders);
  return { ...report, goals: suite.judge(report.results) };
}

function readOptionsOrExit(suite) {
  try {
    return readOptions(process.argv.slice(2), suite);
  } catch (error) {
    console.error(`✗ ${error.message}`);
    return process.exit(2);
  }
}

/**
 * @param suite `contenders`, by name; `plan(size, options)`; `judge(results)`; `peers`: the packages measured besides ours;
 *   `resultsFile`; `markdown`: what BENCHMARKS.md says beside figures; `options`: further ones, as `parseArgs` takes them.
 */
export async function runSuite(suite) {
  const options = readOptionsOrExit(suite);
  const report = options.fromFile ? readReport(options.fromFile, suite) : await runAll(options, suite);
  printGoals(report.goals);
  if (options.jsonFile) {
    writeFileSync(options.jsonFile, `${JSON.stringify(report, undefined, 2)}\n`);
    console.log(`▸ wrote ${options.jsonFile}`);
  }
  if (options.writesMarkdown) writeMarkdown(report, suite);
  if (report.results.flatMap(problemsOf).length > 0) process.exitCode = 1;
}
