/** The table of what has been counted: kept in `counts.json`, compared exactly, rewritten when somebody asks for it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** By what was done, how often each thing happened. What is not named did not happen. */
export type Counts = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** What cannot be counted to the last unit, and by how much it may differ. */
const TOLERANCES: Readonly<Record<string, number>> = {
  // Of hundreds. The smallest object takes more.
  'heap bytes': 8,
};

const file = fileURLToPath(new URL('../../counts.json', import.meta.url));
const recordsAnew = process.env.CAR_INFERENCE_COUNTS === 'record';

function read(): Record<string, Counts> {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** Compares one part of the table with what was found, one sentence for each difference. */
export function differences(part: string, found: Counts): string[] {
  if (recordsAnew) {
    writeFileSync(file, `${JSON.stringify({ ...read(), [part]: found }, undefined, 2)}\n`);
    return [];
  }
  return compare(read()[part] ?? {}, found);
}

export function compare(table: Counts, found: Counts): string[] {
  const rows = new Set([...Object.keys(table), ...Object.keys(found)]);
  return [...rows].flatMap((row) => {
    const [known, counted] = [table[row], found[row]];
    if (known === undefined) return [`${row}: is not in the table yet; record it`];
    if (counted === undefined) return [`${row}: is in the table and was not counted`];
    const names = new Set([...Object.keys(known), ...Object.keys(counted)]);
    return [...names].flatMap((name) => {
      const [before, now] = [known[name] ?? 0, counted[name] ?? 0];
      if (Math.abs(now - before) <= (TOLERANCES[name] ?? 0)) return [];
      const verdict = now > before ? 'more than before' : 'fewer than before; tighten the table';
      return [`${row}: ${name}: ${now} instead of ${before}, ${verdict}`];
    });
  });
}
