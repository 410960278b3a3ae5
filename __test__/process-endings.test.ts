/** The process, or one side's thread, ends in mid-stream: as Node ends it, with Node's code, and without a crash. */
import { describe, expect, test } from 'vitest';
import { CRASH, nodes, run, saidBy } from './support/child-process';

const LAYOUTS = ['one thread', 'runner in a thread', 'consumer in a thread'] as const;
const SIDES = ['runner', 'consumer'] as const;
type Way = 'exit' | 'SIGTERM' | 'exception' | 'rejection';

/** How the process ends when it is struck itself. */
const WHOLE = {
  exit: { code: 7, signal: null },
  SIGTERM: { code: null, signal: 'SIGTERM' },
  exception: { code: 1, signal: null },
  rejection: { code: 1, signal: null },
} as const;

const CASES = LAYOUTS.flatMap((layout) =>
  SIDES.flatMap((side) => (Object.keys(WHOLE) as Way[]).map((way) => [way, layout, side] as const)),
);

/** Whether it is the thread of one side that is struck, and not the process: signals are of the whole process. */
function isThreads(way: Way, layout: (typeof LAYOUTS)[number], side: (typeof SIDES)[number]): boolean {
  return way !== 'SIGTERM' && layout === `${side} in a thread`;
}

describe.each(nodes())('under %s', (node) => {
  test.each(CASES.filter((it) => !isThreads(...it)))('%s of the process, %s, at its %s', async (way, layout, side) => {
    const exit = await run('endings.mjs', { node, args: [layout, side, way] });
    expect(exit).toMatchObject(WHOLE[way]);
    if (way === 'exit' || way === 'SIGTERM') expect(exit.stderr).toBe('');
    else expect(exit.stderr).toContain('broken host');
    expect(exit.stderr).not.toMatch(CRASH);
    // Nobody is told of an ending that is not the call's.
    for (const what of saidBy(exit)) expect([{ first: 'first' }]).toContainEqual(what);
  });

  test.each(CASES.filter((it) => isThreads(...it)))('%s of the thread, %s, at its %s', async (way, layout, side) => {
    const exit = await run('endings.mjs', { node, args: [layout, side, way] });
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    const said = saidBy(exit);
    if (way === 'exit') {
      expect(said).toContainEqual({ threadExited: 7 });
    } else {
      expect(said).toContainEqual({ threadFailed: 'broken host' });
      expect(said).toContainEqual({ threadExited: 1 });
    }
    expect(said).toContainEqual(
      side === 'runner' ? { consumerCaught: 'runner-failed', text: 'first' } : { runnerHeard: 'cancelled' },
    );
  });
});

describe.each(nodes())('a host that listens, under %s', (node) => {
  test.each([
    ['an idle call', [], { announced: 1, listeners: 2 }],
    ['calls that are over', [{ text: 'hello' }], { announced: 1, listeners: 2 }],
    ['a call made in beforeExit', [{ text: 'last words' }], { announced: 1, listeners: 2 }],
    ['a call of another thread', [{ text: 'slowly' }], { announced: 2, listeners: 2 }],
    [
      'a call of another thread that nobody awaits',
      [{ text: 'first' }],
      { announced: expect.any(Number), listeners: 2 },
    ],
  ])('beforeExit is announced no more often than there is reason to: %s', async (what, before, atExit) => {
    const exit = await run('before-exit.mjs', { node, args: [what] });
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(saidBy(exit)).toEqual([...before, atExit]);
  });

  test('calls can be made and ended while the process exits', async () => {
    const exit = await run('at-exit.mjs', { node });
    expect(exit).toEqual({ code: 3, signal: null, stdout: '', stderr: '' });
  });

  test.each([
    ['exit', 5],
    ['nothing left to do', 0],
  ])('a thread that is blocked in its runner does not hold the process: %s', async (way, code) => {
    const exit = await run('blocked-thread.mjs', { node, args: [way] });
    expect(exit).toEqual({ code, signal: null, stdout: 'first\n', stderr: '' });
  });

  test.each([
    ['drain', [{ text: 'first last' }, { status: 'done' }]],
    ['cancel', [{ code: 'cancelled', text: 'first ' }, { status: 'cancelled' }]],
  ])("a signal handler that closes the engine with '%s' lets the process end by itself", async (mode, said) => {
    const exit = await run('shut-down.mjs', { node, args: [mode] });
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(saidBy(exit)).toEqual(expect.arrayContaining([...said, { closed: mode }]));
  });

  test('calls in flight go on when the host survives an uncaught exception and an unhandled rejection', async () => {
    const exit = await run('survives.mjs', { node });
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(saidBy(exit).at(-1)).toEqual({ text: 'before after' });
    expect(saidBy(exit)).toEqual(expect.arrayContaining([{ caught: 'thrown' }, { unhandled: 'rejected' }]));
  });
});
