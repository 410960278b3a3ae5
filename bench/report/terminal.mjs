// Tables for a person at a terminal.
import { goalRows, tablesOf } from './tables.mjs';

function aligned(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd();
  return rows.map((row) => `  ${line(row)}`).join('\n');
}

export function printMeasurement(measurement) {
  for (const { title, header, rows } of tablesOf(measurement)) {
    console.log(`\n${title}\n${aligned([['', ...header], ...rows])}`);
  }
  for (const { name, contenders } of measurement.cells) {
    for (const { problem } of Object.values(contenders)) if (problem) console.log(`\n✗ ${name}: ${problem}`);
  }
}

export function printGoals(goals) {
  if (goals.length > 0) console.log(`\nGoals\n${aligned(goalRows(goals))}`);
}
