// The run: measure, print, judge. `npm run bench` builds and then starts this.
import { judge } from './goals.mjs';
import { readOptions } from './options.mjs';
import { plan } from './plan.mjs';
import { printGoals, printMeasurement } from './report/terminal.mjs';
import { runCell } from './rounds.mjs';

const options = readOptions(process.argv.slice(2));
const results = [];
for (const measurement of options.select(plan(options.size))) {
  const { name, title, figures } = measurement;
  const cells = [];
  for (const cell of measurement.cells) {
    const startedAt = performance.now();
    cells.push(await runCell(measurement, cell));
    console.log(`▸ ${name} ${cell.name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
  }
  results.push({ name, title, figures, cells });
  printMeasurement(results.at(-1));
}
const goals = judge(results);
printGoals(goals);
