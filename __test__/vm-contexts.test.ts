/** Several vm contexts in one thread, each with globals of its own, as test runners make them. */
import { describe, expect, test } from 'vitest';
import { nodes, run, saidBy } from './support/child-process';

const FAILED = { text: 'a', status: 418, same: true, typed: true };
const ANSWERED = { text: 'from the thread' };
const SCENARIOS = [
  ['runners are shared', [FAILED, FAILED, FAILED, FAILED]],
  ['mail reaches the contexts it is for', [ANSWERED, ANSWERED, ANSWERED]],
  ['a context is torn down in mid-stream', [ANSWERED, { slot: null }]],
] as const;

describe.each(nodes())('under %s', (node) => {
  describe.each([
    ['cached', 'the addon comes from the module cache of Node'],
    ['anew', 'each context loads the addon anew'],
  ])('the package in several contexts: %s, %s', (addon) => {
    test.each(SCENARIOS)('%s', async (scenario, said) => {
      const exit = await run('contexts.cjs', { node, args: [addon, scenario] });
      expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
      expect(saidBy(exit)).toEqual(said);
    });

    test('a panic is known as one', async () => {
      const exit = await run('contexts.cjs', { node, args: [addon, 'a panic is known as one'] });
      expect(exit).toMatchObject({ code: 0, signal: null });
      expect(saidBy(exit)).toEqual([{ code: 'internal' }]);
    });
  });

  test('runners, requests, errors and signals of another context are as good as our own', async () => {
    const exit = await run('contexts.cjs', { node, args: ['cached', 'everything given comes from another context'] });
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(saidBy(exit)).toEqual([
      { text: 'pulled' },
      { text: 'pushed' },
      { text: 'thenable' },
      { code: 'runner-failed', body: { deep: [1] }, cause: 'RangeError' },
      { reason: true },
    ]);
  });
});
