/**
 * Values that are huge: beyond the limits a typed error that names the field or the limit, within raised ones delivered
 * as they are, and given back. Each in a process of its own, which has to go on and to exit by itself.
 * `CAR_INFERENCE_HUGE=1` asks for a million where otherwise fewer do, and for what takes half a minute.
 */
import { describe, expect, test } from 'vitest';
import { CRASH, run, saidBy } from './support/child-process';

const isFull = process.env.CAR_INFERENCE_HUGE === '1';
const TIMEOUT_MS = isFull ? 600_000 : 120_000;

// biome-ignore lint/suspicious/noExplicitAny: what a child says is plain data that each test looks at for itself
async function say(name: string, count = 0): Promise<any> {
  const exit = await run('huge-values.mjs', { flags: ['--expose-gc'], args: [name, String(count)] });
  expect(exit).toMatchObject({ code: 0, signal: null, stderr: expect.not.stringMatching(CRASH) });
  return saidBy(exit)[0];
}

/** How a call ends beyond a limit. */
const beyond = (limit: string) => ({
  error: { name: 'LimitExceededError', code: 'limit-exceeded', limit },
  status: 'failed',
  goesOn: true,
});

describe('100 MB', { timeout: TIMEOUT_MS }, () => {
  test('of text end the call at the limit, with the text before', async () => {
    const said = await say('a text beyond the limits');
    expect(said).toMatchObject({ ...beyond('eventBytesMax'), types: ['text-delta'] });
    expect(said.error).toMatchObject({ until: 'before'.length, message: expect.stringContaining('text-delta') });
  });

  test('of text come through raised limits as they are, and their memory comes back', async () => {
    const { kept, ...said } = await say('a text within raised limits');
    expect(said).toEqual({ types: ['text-delta', 'done'], goesOn: true, seen: true, result: true });
    // Of what were four copies at least: the runner's own, the gate's, the log's and the consumer's.
    expect(kept).toBeLessThan(250);
  });

  test('in every field of what is thrown become an error that can be read', async () => {
    const { error, ...said } = await say('what is thrown');
    expect(said).toEqual({ types: [], status: 'failed', goesOn: true });
    expect(error).toMatchObject({ name: 'RunnerFailedError', code: 'runner-failed' });
    expect(error.characters).toBeLessThan(10_000);
  });

  test('of a prompt reach the runner; of a model or a field nobody knows, the error is short', async () => {
    const [prompt, model, field] = await say('a request');
    expect(prompt).toMatchObject({ same: true, status: 'done', goesOn: true });
    expect(model).toMatchObject({ error: { code: 'model-not-found' }, status: 'none', goesOn: true });
    expect(field).toMatchObject({
      error: { code: 'invalid-request', problems: [{ path: 'm'.repeat(64) }] },
      goesOn: true,
    });
    for (const { error } of [model, field]) expect(error.characters).toBeLessThan(1_000);
  });
});

describe('17 MB', { timeout: TIMEOUT_MS }, () => {
  test('in other events end the call at the limit, or name the field in a short error', async () => {
    const [data, name, key, type, reason] = await say('other texts beyond the limits');
    expect(data).toMatchObject(beyond('eventBytesMax'));
    expect(name).toMatchObject(beyond('eventBytesMax'));
    expect(key).toMatchObject({ error: { code: 'protocol', problems: [{ path: 'a'.repeat(64) }] }, goesOn: true });
    expect(type).toMatchObject({ error: { code: 'protocol', problems: [{ path: 'type' }] }, goesOn: true });
    expect(reason).toMatchObject({ error: { code: 'protocol', problems: [{ path: 'reason' }] }, goesOn: true });
    for (const { error } of [key, type, reason]) expect(error.characters).toBeLessThan(1_000);
  });

  test('in other events come through raised limits as they are', async () => {
    expect(await say('other texts within raised limits')).toMatchObject({ status: 'done', goesOn: true, seen: true });
  });

  test('or less are in the log as they were given', async () => {
    expect(await say('a text in the log')).toMatchObject({ status: 'done', goesOn: true, logged: true });
  });

  test('from another thread end the call at the limit, and come through raised ones', async () => {
    const [over, within] = await say('a text from another thread');
    expect(over).toMatchObject(beyond('eventBytesMax'));
    expect(within).toMatchObject({ types: ['text-delta', 'done'], status: 'done', seen: true });
  });
});

test('a result beyond what a call may hold ends it at the limit, in whichever field it is', {
  timeout: TIMEOUT_MS,
}, async () => {
  for (const said of await say('a result')) {
    expect(said).toMatchObject(beyond('callBytesMax'));
    expect(said.error.until).toBeUndefined();
  }
});

describe('a million', { timeout: TIMEOUT_MS }, () => {
  const count = isFull ? 1_000_000 : 60_000;

  test('tool calls come through one by one, and their memory comes back', async () => {
    const { first, second, ...said } = await say('tool calls', count);
    expect(said).toMatchObject({ status: 'done', goesOn: true, seen: count, done: count, result: count });
    expect(said.last).toEqual({ type: 'tool-call-start', index: count - 1, name: 'f' });
    // The log may keep both calls as long as they are within its 64 MiB, about.
    expect(second).toBeLessThan(Math.max(100, first / 4));
  });

  test('tool calls in one event end the call at the limit', async () => {
    expect(await say('tool calls in one done', isFull ? 1_000_000 : 450_000)).toMatchObject(beyond('eventBytesMax'));
  });

  test('tool calls that each end in half a pair take time in proportion', async () => {
    const { growth } = await say('half pairs of many tool calls', isFull ? 100_000 : 12_000);
    expect(growth).toBeLessThan(9); // Four times as many; where each looks at all others, it is sixteen.
  });

  test('deltas come through', async () => {
    const deltas = isFull ? 1_000_000 : 300_000;
    expect(await say('deltas', deltas)).toMatchObject({ status: 'done', seen: deltas, result: deltas });
  });

  test('levels of argument text are kept as text, with the reason', async () => {
    expect(await say('argument text of many levels', 1_000_000)).toMatchObject({
      status: 'done',
      raw: true,
      error: expect.stringMatching(/./),
    });
  });
});

test('emitting from ever deeper down the stack to its end delivers and logs the same', {
  timeout: TIMEOUT_MS,
}, async () => {
  expect(await say('the end of the stack')).toMatchObject({ status: 'done', goesOn: true, deep: true, logged: true });
});

// What JSON writes in six characters makes of 90 MB more than a string of V8 can hold.
test.runIf(isFull)(
  'control characters that JSON makes too long end the call typed, and the log says so',
  { timeout: TIMEOUT_MS },
  async () => {
    const said = await say('control characters that JSON makes too long');
    expect(said).toMatchObject({
      error: {
        name: 'LimitExceededError',
        limit: 'callBytesMax',
        message: expect.stringContaining('JavaScript string'),
      },
      status: { name: 'LogError', code: 'log-failed' },
      goesOn: true,
    });
  },
);
