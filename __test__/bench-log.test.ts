/** The benchmark of the durable log runs: everyone records every event, every question finds what it has to, goals are judged. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { suite } from '../bench/log/suite.mjs';
import { markdownOf } from '../bench/output/markdown.mjs';
import { run } from './support/child-process';

// Cargo may have to build the generator.
vi.setConfig({ testTimeout: 240_000 });

const folder = mkdtempSync(join(tmpdir(), 'bench-log-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function bench(...args: string[]) {
  return run('../../../bench/log/main.mjs', { args });
}

/** npm leaves an addon out that is not for the Node it runs under. */
function hasPeer(): boolean {
  try {
    createRequire(import.meta.url)('better-sqlite3');
    return true;
  } catch {
    return false;
  }
}

interface Result {
  name: string;
  figures: object;
  cells: { contenders: Record<string, { figures?: Record<string, { median: number }>; leftOut?: string }> }[];
}

test.skipIf(!hasPeer())('one command measures the log and its peers, and writes everything as JSON', async () => {
  const file = join(folder, 'results.json');
  const exit = await bench('--smoke', '--json', file);
  expect(exit).toMatchObject({ code: 0, stderr: '' });
  const report = JSON.parse(readFileSync(file, 'utf8'));
  const results: Result[] = report.results;
  expect(results.map(({ name }) => name)).toEqual(suite.plan('smoke').map(({ name }) => name));
  for (const { figures, cells } of results) {
    const measured = cells.flatMap(({ contenders }) => Object.values(contenders)).filter(({ leftOut }) => !leftOut);
    expect(measured.length).toBeGreaterThan(0);
    for (const contender of measured) {
      expect(Object.keys(contender.figures ?? {})).toEqual(Object.keys(figures));
      for (const { median } of Object.values(contender.figures ?? {})) expect(median).toBeGreaterThanOrEqual(0);
    }
  }
  const titles = report.goals.map(({ title }: { title: string }) => title);
  expect(titles).toContain('newest 50, by any filter');
  expect(titles).toContain('car-generator: recording an event, main thread, at the worst size');
  expect(markdownOf(report, suite)).toContain('| better-sqlite3, 100 events a transaction |');
});

test.each([
  [['--only', 'nothing'], 'there is no such thing; there are recording, '],
  [['--calls', 'many'], '--calls many: at least 1000 are needed'],
  [['--only', 'open', '--markdown'], '--markdown writes BENCHMARKS-LOG.md'],
])('says what is wrong with %s', async (args, message) => {
  const exit = await bench(...args);
  expect(exit).toMatchObject({ code: 2, stdout: '' });
  expect(exit.stderr).toContain(message);
});
