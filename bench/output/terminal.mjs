// Tables for a person at a terminal.
import { goalHeader, goalRows, problemsOf, tablesOf } from './tables.mjs';

function aligned(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ');
  return rows.map((row) => `  ${line(row).trimEnd()}`).join('\n');
}

export function printMeasurement(measurement, contenders) {
  console.log(`\n${measurement.title}\n${measurement.note}`);
  for (const { title, header, rows } of tablesOf(measurement, contenders)) {
    console.log(`\n${aligned([[title, ...header], ...rows])}`);
  }
  for (const problem of problemsOf(measurement)) console.log(`\n✗ ${problem}`);
  console.log();
}

export function printGoals(goals) {
  if (goals.length > 0) console.log(`${aligned([goalHeader, ...goalRows(goals)])}`);
}
