/**
 * What the package does for an event, a call and an idle stream, counted: machine and load make no difference. The table is
 * `counts.json`; `CAR_INFERENCE_COUNTS=record npm test -- counts` writes it anew.
 */
import { describe, expect, test, vi } from 'vitest';
import { run } from './support/child-process';
import { type Counts, compare, differences } from './support/counts/table';

// Censuses of the heap take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

async function counted(program: string, flags: readonly string[] = []): Promise<Counts> {
  const exit = await run(`../counts/${program}`, { flags: ['--no-warnings', ...flags] });
  expect(exit).toMatchObject({ code: 0, stderr: '' });
  return JSON.parse(exit.stdout);
}

test('an event and a call in one thread make as many native calls, promises, timers and JSON as the table says', async () => {
  expect(differences('one thread', await counted('one-thread.mjs'))).toEqual([]);
});

test('an event for another thread costs each side what the table says', async () => {
  expect(differences('two threads', await counted('two-threads.mjs'))).toEqual([]);
});

test('an idle stream holds as many objects as the table says, and no handle', async () => {
  expect(differences('idle', await counted('idle.mjs'))).toEqual([]);
});

test('an event takes as many bytes of JavaScript heap as the table says', async () => {
  // Nothing is optimised away, and nothing is collected in between.
  const flags = ['--expose-gc', '--jitless', '--min-semi-space-size=64', '--max-semi-space-size=64'];
  expect(differences('heap', await counted('heap.mjs', flags))).toEqual([]);
});

describe('the table', () => {
  const row = 'an event: text-delta, generator';
  const table: Counts = { [row]: { 'native textDelta': 1, promises: 6 } };

  test('names what there is more of', () => {
    expect(compare(table, { [row]: { 'native textDelta': 1, promises: 7, timers: 1 } })).toEqual([
      `${row}: promises: 7 instead of 6, more than before`,
      `${row}: timers: 1 instead of 0, more than before`,
    ]);
  });

  test('wants to be tightened when there is less of something', () => {
    expect(compare(table, { [row]: { promises: 6 } })).toEqual([
      `${row}: native textDelta: 0 instead of 1, fewer than before; tighten the table`,
    ]);
  });

  test('names what was not counted, and what it does not know', () => {
    expect(compare(table, { another: {} })).toEqual([
      `${row}: is in the table and was not counted`,
      'another: is not in the table yet; record it',
    ]);
  });
});
