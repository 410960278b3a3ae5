/** Hosts' tests replace timers and clocks: the package keeps Node's own, whatever the order. */
import { mock } from 'node:test';
import { InferenceEngine, setInferenceRunner, TimeoutError } from 'car-inference';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { nodes, run, saidBy } from './support/child-process';
import { rejection } from './support/collect';
import { newPath } from './support/durable-log';
import { MODEL, newEngine, REQUEST } from './support/engine';
import { aborted, ScriptedRunner, text } from './support/scripted-runner';

afterEach(() => {
  vi.useRealTimers();
  mock.timers.reset();
  setInferenceRunner(null).dispose();
});

const TIMERS = ['setTimeout', 'setInterval', 'setImmediate', 'Date'] as const;
const fakes: Record<string, [use: () => void, restore: () => void]> = {
  'of vitest': [
    () => vi.useFakeTimers({ now: 0, toFake: [...TIMERS, 'clearTimeout', 'clearInterval', 'performance'] }),
    () => vi.useRealTimers(),
  ],
  'of node:test': [() => mock.timers.enable({ apis: [...TIMERS], now: 0 }), () => mock.timers.reset()],
};

const hangs = async (_request: unknown, { signal }: { signal: AbortSignal }) => {
  await aborted(signal);
};

async function timesOut(): Promise<void> {
  setInferenceRunner(hangs);
  const engine = newEngine({ timeouts: { firstEventMs: 10 } });
  expect(await rejection(engine.generate(REQUEST))).toBeInstanceOf(TimeoutError);
}

describe.each(Object.entries(fakes))('with the fake timers %s', (_name, [use, restore]) => {
  test('timeouts strike, and strike when the real ones are back', async () => {
    use();
    await timesOut();
    restore();
    await timesOut();
    use();
    await timesOut();
  });

  test('a runner that ignores its signal is waited for no longer than the grace period', async () => {
    use();
    setInferenceRunner(() => new Promise<never>(() => {}));
    const engine = newEngine({ timeouts: { firstEventMs: 5, graceMs: 5 } });
    expect(await rejection(engine.generate(REQUEST))).toBeInstanceOf(TimeoutError);
  });

  test('the wait before a retry ends', async () => {
    use();
    const runner = new ScriptedRunner({ fails: new Error('no') }, { events: [text('ok')] });
    setInferenceRunner(runner);
    const { text: answer } = await newEngine({ retry: { attemptsMax: 2, backoffMs: 5 } }).generate(REQUEST);
    expect(answer).toBe('ok');
  });

  test('a durable log records, is read and closes, and its times are the true ones', async () => {
    use();
    setInferenceRunner(new ScriptedRunner({ events: [text('ok')] }));
    const engine = new InferenceEngine({ models: [MODEL], eventLog: newPath() });
    const observed: unknown[] = [];
    engine.eventLog.observe((item) => {
      observed.push(item);
    });
    const stream = engine.generateTrackedStream(REQUEST);
    await stream.result();
    const record = await engine.eventLog.call(stream.traceId);
    expect(record?.startedAt).toBeGreaterThan(Date.UTC(2026, 0));
    await engine.close();
    expect(observed).not.toEqual([]);
  });

  test('a wait that the provider gives as a date is counted from the true time', async () => {
    use();
    const headers = { 'retry-after': new Date(performance.timeOrigin - 60_000).toUTCString() };
    setInferenceRunner(new ScriptedRunner({ fails: Object.assign(new Error('429'), { status: 429, headers }) }));
    expect(await rejection(newEngine().generate(REQUEST))).toMatchObject({ retryAfterMs: 0 });
  });
});

describe.each(nodes())('under %s', (node) => {
  test('a script that fakes its timers lives until its awaits are answered', async () => {
    const exit = await run('fake-timers.mjs', { node, args: [newPath()] });
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(saidBy(exit)).toEqual([{ text: 'here' }, { calls: 1 }, 'closed']);
  });

  test.each([
    ['node:test', 'first'],
    ['node:test', 'again'],
    ['by hand', 'first'],
    ['by hand', 'again'],
    ['throwing', 'first'],
  ])('the timers are real when the package is loaded under fakes: %s, %s', async (kind, order) => {
    // Node 20 warns that its mock timers are experimental.
    const exit = await run('fake-timers-first.mjs', { node, flags: ['--no-warnings'], args: [kind, order] });
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    const checked = ['TimeoutError', { runs: 2, retryAfterMs: 0 }];
    expect(saidBy(exit)).toEqual([...checked, ...checked, 'over']);
  });
});
