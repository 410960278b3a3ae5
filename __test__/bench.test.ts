/** The benchmark runs: every contender delivers every event to every measurement, and the command line says what is wrong. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { contenders } from '../bench/contenders/index.mjs';
import { judge } from '../bench/goals.mjs';
import { markdownOf } from '../bench/output/markdown.mjs';
import { plan } from '../bench/plan.mjs';
import { suite } from '../bench/suite.mjs';
import { run, saidBy } from './support/child-process';

// The libraries beside us take a while to load.
vi.setConfig({ testTimeout: 60_000 });

const folder = mkdtempSync(join(tmpdir(), 'bench-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** npm leaves an addon out that is not for the Node it runs under. */
function isInstalled(contender: { modules?: string[] }): boolean {
  try {
    for (const specifier of contender.modules ?? []) createRequire(import.meta.url)(specifier);
    return true;
  } catch {
    return false;
  }
}

function bench(...args: string[]) {
  return run('../../../bench/main.mjs', { args });
}

describe.each(Object.keys(contenders))('%s', (name) => {
  test.skipIf(!isInstalled(contenders[name]))('delivers every event to every measurement that has it', async () => {
    const planned = plan('smoke').filter(({ cells }) => cells.some((cell) => cell.contenders.includes(name)));
    const exit = await run('../bench/every-measurement.mjs', { flags: ['--expose-gc'], args: [name] });
    expect(exit).toMatchObject({ code: 0, stderr: '' });
    expect(saidBy(exit)).toEqual([Object.fromEntries(planned.map((measurement) => [measurement.name, 'measured']))]);
  });
});

test('one command measures, prints a table and writes everything as JSON and as Markdown', async () => {
  const file = join(folder, 'results.json');
  const exit = await bench('--smoke', '--only', 'throughput,car-generator', '--json', file);
  expect(exit).toMatchObject({ code: 0, stderr: '' });
  expect(exit.stdout).toContain('car-inference, generator runner');

  const report = JSON.parse(readFileSync(file, 'utf8'));
  expect(Object.keys(report)).toEqual(
    expect.arrayContaining(['date', 'minutes', 'commit', 'machine', 'versions', 'loadAverage', 'goals', 'results']),
  );
  const [{ cells }] = report.results;
  expect(cells[0].contenders['car-generator'].figures.allThreads).toEqual({
    median: expect.any(Number),
    min: expect.any(Number),
    max: expect.any(Number),
    samples: [expect.any(Number)],
  });
  expect(markdownOf({ ...report, goals: judge(report.results) }, suite)).toContain('| JavaScript floor |');
});

test('the table says what is left out because it would take too long', () => {
  const leftOut = plan('full').flatMap(({ cells }) => cells.flatMap((cell) => Object.entries(cell.leftOut)));
  expect(leftOut.map(([name]) => name)).toContain('ai-sdk');
  const [report] = [{ name: 'throughput', title: 'title', note: 'note', figures: { allThreads: { title: 'µs' } } }];
  const result = (m: number, contender: object) => ({
    name: `m=${m}`,
    group: 'n = 1',
    column: `m = ${m}`,
    contenders: contender,
  });
  const cells = [result(1, { 'ai-sdk': { leftOut: 'left out: about 9 s' } }), result(2, {})];
  const circumstances = { date: '', size: 'full', minutes: 1, commit: '', versions: {}, machine: {}, loadAverage: {} };
  expect(markdownOf({ ...circumstances, goals: [], results: [{ ...report, cells }] }, suite)).toContain(
    'left out: about 9 s',
  );
});

test.each([
  [['--only', 'nothing'], 'there is no such thing; there are throughput, '],
  [['--only', 'load', '--markdown'], 'which holds whole runs'],
  [['--from', '--quick'], '--from shows an earlier run'],
  [['--quick', '--smoke'], 'give one'],
  [['--fast'], "Unknown option '--fast'"],
])('says what is wrong with %s', async (args, message) => {
  const exit = await bench(...args);
  expect(exit).toMatchObject({ code: 2, stdout: '' });
  expect(exit.stderr).toContain(message);
});
