/** The soak's own judgement, and that the whole of it runs. Nothing here depends on how fast the machine is. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { nodeFlags } from '../soak/node-flags.mjs';
import { judgeGrowth } from '../soak/verdict.mjs';

const run = promisify(execFile);
const MiB = 2 ** 20;

interface Sample {
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
  readonly handles: number;
  readonly threads: number | undefined;
}

const steady: Sample = { rss: 300 * MiB, heapUsed: 8 * MiB, external: 2 * MiB, handles: 110, threads: 12 };

/** Sixty samples, one a second. */
function samples(at: (index: number) => Partial<Sample>) {
  return Array.from({ length: 60 }, (_, index) => ({ ...steady, ...at(index), atMs: (index + 1) * 1_000 }));
}

function grown(at: (index: number) => Partial<Sample>): string[] {
  return judgeGrowth(samples(at)).flatMap(({ metric, outcome }) => (outcome === 'grew' ? [metric] : []));
}

test('what only grows while it warms up is flat', () => {
  expect(grown((index) => ({ rss: Math.min(300, 100 + 10 * index) * MiB }))).toEqual([]);
});

test('a spike now and then is no growth', () => {
  expect(grown((index) => ({ rss: (index % 7 === 0 ? 500 : 300) * MiB }))).toEqual([]);
});

test.each([
  ['rss', (index: number) => ({ rss: (300 + index) * MiB })],
  ['heapUsed', (index: number) => ({ heapUsed: (8 + index / 10) * MiB })],
  ['external', (index: number) => ({ external: (2 + index / 10) * MiB })],
  ['handles', (index: number) => ({ handles: 110 + index })],
  ['threads', (index: number) => ({ threads: 12 + index })],
] as const)('%s that goes on growing is found', (metric, at) => {
  expect(grown(at)).toEqual([metric]);
});

test('too few samples are no verdict', () => {
  expect(judgeGrowth(samples((index) => ({ rss: index * MiB })).slice(0, 15))).toEqual([]);
});

test('what the system does not tell is not judged', () => {
  const metrics = judgeGrowth(samples(() => ({ threads: undefined }))).map(({ metric }) => metric);
  expect(metrics).toEqual(['rss', 'heapUsed', 'external', 'handles']);
});

test('a soak of seconds ends every call as its script says and leaves nothing behind', {
  timeout: 60_000,
}, async () => {
  const main = fileURLToPath(new URL('../soak/main.mjs', import.meta.url));
  const options = ['--minutes', '0.05', '--size', 'small', '--seed', '1'];
  const { stdout, stderr } = await run(process.execPath, [...nodeFlags, main, ...options]);
  expect(stdout).not.toContain('✗');
  expect(stdout).toContain('✓ every call ended as its script says');
  expect(stdout).toMatch(/soak: passed: \d+ calls, \d+ events\n$/);
  expect(stderr).toBe('');
});
