/** Processes that leave with a log: what waits for it keeps them, what watches it does not, and what was recorded is there. */
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { EventLog } from 'car-inference';
import { describe, expect, test } from 'vitest';
import { CRASH, type Exit, nodes, run, saidBy } from './support/child-process';
import { all, eventsIn, newPath, openLog } from './support/log';

const MODES = ['relaxed', 'call', 'strict', 'event'] as const;

interface Ended {
  readonly exit: Exit;
  readonly said: unknown[];
  /** The trace ids of calls whose endings were delivered. */
  readonly recorded: string[];
  readonly log: EventLog;
  readonly path: string;
}

async function ended(what: string, node: string, durability: string): Promise<Ended> {
  const path = newPath();
  const exit = await run('log-endings.mjs', { node, args: [what, path, durability] });
  expect(exit.stderr).not.toMatch(CRASH);
  const lines = saidBy(exit);
  const recorded = lines.flatMap((line) => (line as { recorded?: string }).recorded ?? []);
  const said = lines.filter((line) => (line as { recorded?: string }).recorded === undefined);
  return { exit, said, recorded, log: await openLog(path), path };
}

function openFiles(path: string): string[] {
  return readdirSync(dirname(path)).filter((name) => /-(wal|shm)$/.test(name));
}

describe.each(nodes())('under %s', (node) => {
  test('a process stays for what it has asked of a log, and goes when it is answered', async () => {
    const { exit, said, log } = await ended('questions only', node, 'call');
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(said).toEqual([{ tail: 'call-start' }, { calls: 60, events: 11, ok: true, left: 50 }, 'closed']);
    expect((await log.stats()).calls).toBe(50);
  });

  test.each(
    MODES.flatMap((mode) => [
      ['runs out', mode, { code: 0, stderr: '' }] as const,
      ['runs out, by path', mode, { code: 0, stderr: '' }] as const,
      ['process.exit()', mode, { code: 3, stderr: '' }] as const,
      ['an exception', mode, { code: 1 }] as const,
    ]),
  )('%s, with a log that is open in `%s`: every call is there', async (what, mode, end) => {
    const { exit, recorded, log } = await ended(what, node, mode);
    expect(exit).toMatchObject({ signal: null, ...end });
    expect(recorded.length).toBe(20);
    const found = await all(log.calls({ status: 'done' }));
    expect(new Set(found.map(({ traceId }) => traceId))).toEqual(new Set(recorded));
    for (const { text, eventCount } of found) expect([text, eventCount]).toEqual(['abcdefghij', 11]);
    expect(await log.verify()).toMatchObject({ ok: true, calls: 20 });
  });

  test('whose loop runs out leaves one file', async () => {
    const path = newPath();
    const exit = await run('log-endings.mjs', { node, args: ['runs out', path, 'relaxed'] });
    expect(exit).toMatchObject({ code: 0, stderr: '' });
    expect(openFiles(path)).toEqual([]);
  });

  test.each(MODES)('in the middle of a call, in `%s`: what was delivered of it is there', async (mode) => {
    const { exit, recorded, log } = await ended('runs out in mid-call', node, mode);
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    const [traceId = ''] = recorded;
    expect((await eventsIn(log, traceId))[0]?.event).toEqual({ type: 'text-delta', text: 'first' });
    const { status } = (await log.call(traceId)) ?? {};
    expect(['cancelled', 'interrupted']).toContain(status);
  });

  test('observers, checkpoints and tails that nobody awaits keep no process', async () => {
    const { exit, said, recorded } = await ended('is watched', node, 'call');
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(said).toEqual([{ tail: 'call-start' }]);
    expect(recorded.length).toBe(3);
  });

  test('a tail that is left while it waits keeps no process', async () => {
    const { exit, said } = await ended('a tail is left while it waits', node, 'call');
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(said).toEqual([{ done: true }, { done: true }]);
  });

  test('an observer that has ended itself keeps no process', async () => {
    const { exit, said } = await ended('an observer stops itself', node, 'call');
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(said).toEqual([{ heard: true }]);
  });

  test.each(MODES)('a thread that is terminated with a log in `%s` lets go of it', async (mode) => {
    const { exit, said, recorded, log } = await ended('a thread is terminated', node, mode);
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(said).toEqual(['closed']);
    expect((await all(log.calls({ status: 'done' }))).map(({ traceId }) => traceId).sort()).toEqual(
      [...recorded].sort(),
    );
    expect(await log.verify()).toMatchObject({ ok: true, calls: 3 });
  });
});
