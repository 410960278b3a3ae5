import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import {
  CancelledError,
  currentInferenceRunner,
  type EventEmitter,
  InferenceError,
  NoRunnerError,
  RunnerDeclinedError,
  RunnerFailedError,
  setInferenceRunner,
  TimeoutError,
} from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { collect, eventsOf, loggedEvents, recordOf, rejection } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { gate, turn, until } from './support/gate';
import { Latch } from './support/latch';
import { aborted, bothWays, done, ScriptedRunner, text } from './support/scripted-runner';
import { Thread } from './support/thread';

afterEach(() => {
  setInferenceRunner(null);
  setInferenceRunner(null, { hint: 'openai' });
});

const WAYS = { emitter: 'an emitter runner', generator: 'a generator runner' } as const;
const EVENTS = [
  text('hel'),
  { type: 'reasoning-delta' as const, index: 1, text: 'hm', signature: 's' },
  { type: 'tool-call-start' as const, index: 0, id: 'c', name: 'f' },
  { type: 'tool-call-delta' as const, index: 0, argumentsDelta: '{"a":1}' },
  { type: 'custom' as const, name: 'x', data: { deep: [null, '😀'] } },
  { type: 'usage' as const, inputTokens: 3 },
  text('lo'),
];
const DONE = { type: 'done', text: 'hello', toolCalls: [{ id: 'c', name: 'f', arguments: { a: 1 } }] };
const FAILURE = {
  message: 'too busy',
  name: 'RateLimitError',
  code: 'rate_limit',
  status: 429,
  retryAfterMs: 20,
  body: { a: 1 },
};
const SMALL = { limits: { bufferedEventsMax: 4 } };
/** Far more than all buffers on the way can hold. */
const MANY = 1000;
/** What can be under way: the buffer in Rust, and one batch on the consumer's side. */
const UNDER_WAY_MAX = 4 + 32 + 8;

describe.each(['emitter', 'generator'] as const)('a runner here, its consumer in a thread: %s', (way) => {
  test('every event arrives as it is, and is logged there', async () => {
    await using thread = new Thread();
    setInferenceRunner(bothWays(EVENTS)[WAYS[way]]);
    await thread.ask('open', { request: { ...REQUEST, clientRef: 'r' } });
    expect(await thread.ask('collect')).toEqual({ value: [...EVENTS, DONE] });
    expect(await thread.ask('logged')).toEqual([...EVENTS, DONE]);
    expect((await thread.ask('result')).value).toMatchObject({ text: 'hello', usage: { inputTokens: 3 } });
  });

  test('result() alone pulls everything', async () => {
    await using thread = new Thread();
    setInferenceRunner(bothWays(EVENTS)[WAYS[way]]);
    await thread.ask('open', { request: REQUEST, engineOptions: SMALL });
    expect((await thread.ask('result')).value).toMatchObject({ text: 'hello' });
  });

  test('an error crosses with its name, message, status and body; the cause says the same', async () => {
    await using thread = new Thread();
    setInferenceRunner(bothWays([text('half')], { fails: Object.assign(new Error(), FAILURE) })[WAYS[way]]);
    await thread.ask('open', { request: REQUEST });
    const { error } = await thread.ask('collect');
    expect(error).toMatchObject({
      name: 'RunnerFailedError',
      code: 'runner-failed',
      status: 429,
      retryAfterMs: 20,
      body: { a: 1 },
      text: 'half',
      cause: { name: 'RateLimitError', message: 'too busy', code: 'rate_limit', isError: true },
    });
    expect(error.message).toContain('too busy');
  });

  test('what is no event ends the call there with a ProtocolError', async () => {
    await using thread = new Thread();
    setInferenceRunner(bothWays([text('a'), { type: 'text-delta', text: 5 }])[WAYS[way]]);
    await thread.ask('open', { request: REQUEST });
    expect((await thread.ask('collect')).error).toMatchObject({ code: 'protocol', text: 'a' });
  });

  test('a consumer there leaves while this thread does not turn its loop: the next event tells the runner why', async () => {
    await using thread = new Thread();
    const left = new Latch();
    const told: unknown[] = [];
    const leave = () => {
      void thread.ask('cancel', 'enough');
      void thread.ask('block', left.cells);
      left.blockUntilReached();
      left.release();
    };
    setInferenceRunner(
      way === 'emitter'
        ? async (_request, { emit, signal }) => {
            emit(text('a'));
            leave();
            told.push(await emit(text('b')), signal.reason);
          }
        : async function* (_request, { signal }) {
            try {
              yield text('a');
              leave();
              yield text('b');
            } finally {
              told.push('closed', signal.reason);
            }
          },
    );
    await thread.ask('open', { request: REQUEST });
    expect((await thread.ask('collect')).error).toMatchObject({ code: 'cancelled' });
    expect(told).toEqual(['closed', expect.any(CancelledError)]);
    expect((told[1] as Error).message).toContain('enough');
  });

  test('a slow consumer there slows the runner here', async () => {
    await using thread = new Thread();
    let emitted = 0;
    setInferenceRunner(
      way === 'emitter'
        ? async (_request, { emit }) => {
            for (; emitted < MANY; emitted += 1) await emit(text('x'));
          }
        : async function* () {
            for (; emitted < MANY; emitted += 1) yield text('x');
          },
    );
    await thread.ask('open', { request: REQUEST, engineOptions: SMALL });
    expect((await thread.ask('next')).value).toEqual({ done: false, value: text('x') });
    // Each question lets both threads run dry.
    for (let n = 0; n < 20; n += 1) await thread.ask('runs');
    expect(emitted).toBeLessThanOrEqual(UNDER_WAY_MAX);
    const { value } = await thread.ask('collect');
    expect(value).toHaveLength(MANY - 1 + 1);
    expect(emitted).toBe(MANY);
  });

  test.each(['cancel', 'leave'])('%s there aborts the runner here', async (verb) => {
    await using thread = new Thread();
    const reason = gate<unknown>();
    const hang = async ({ signal }: EventEmitter) => {
      await aborted(signal);
      reason.open(signal.reason);
    };
    setInferenceRunner(
      way === 'emitter'
        ? async (_request, emitter) => {
            await emitter.emit(text('a'));
            await hang(emitter);
          }
        : async function* (_request, emitter) {
            yield text('a');
            await hang(emitter);
          },
    );
    await thread.ask('open', { request: REQUEST });
    await thread.ask('next');
    await thread.ask(verb, 'enough');
    expect(await reason.promise).toBeInstanceOf(CancelledError);
    expect(await thread.ask('record')).toMatchObject({ status: 'cancelled', text: 'a' });
  });
});

describe.each(['emitter', 'generator'] as const)('a runner in a thread, its consumer here: %s', (way) => {
  test('every event arrives as it is, and is logged here', async () => {
    await using thread = new Thread();
    await thread.ask('register', { way, events: EVENTS, result: { text: 'hello' } });
    const engine = newEngine();
    const stream = engine.generateTrackedStream({ ...REQUEST, clientRef: 'r' });
    expect(await eventsOf(stream)).toEqual([...EVENTS, DONE]);
    expect(await loggedEvents(engine, stream)).toEqual([...EVENTS, DONE]);
    expect(await stream.result()).toMatchObject({ text: 'hello', warnings: [], modelUsed: 'gpt-5' });
    expect((await thread.ask('runs'))[0].request).toMatchObject({ ...REQUEST, clientRef: 'r' });
  });

  test('an error crosses with its name, message, status and body; the cause says the same', async () => {
    await using thread = new Thread();
    await thread.ask('register', { way, events: [text('half')], fails: FAILURE });
    const { error } = await collect(newEngine().generateTrackedStream(REQUEST));
    expect(error).toBeInstanceOf(RunnerFailedError);
    expect(error).toMatchObject({ status: 429, retryAfterMs: 20, body: { a: 1 }, text: 'half' });
    expect((error as RunnerFailedError).cause).toMatchObject({
      name: 'RateLimitError',
      message: 'too busy',
      code: 'rate_limit',
    });
    expect((error as RunnerFailedError).cause).toBeInstanceOf(Error);
  });

  test('declining there falls through to a runner here', async () => {
    await using thread = new Thread();
    await thread.ask('register', { way, hint: 'openai', fails: { declined: true, message: 'not mine' } });
    setInferenceRunner(new ScriptedRunner({ events: [text('from here')] }));
    expect((await newEngine().generate(REQUEST)).text).toBe('from here');
  });

  test('a slow consumer here slows the runner there', async () => {
    await using thread = new Thread();
    await thread.ask('register', { way, repeat: MANY });
    const stream = newEngine(SMALL).generateTrackedStream(REQUEST);
    await stream.next();
    for (let n = 0; n < 20; n += 1) {
      await thread.ask('runs');
      await turn();
    }
    expect((await thread.ask('runs'))[0].emitted).toBeLessThanOrEqual(UNDER_WAY_MAX);
    expect(await eventsOf(stream)).toHaveLength(MANY - 1 + 1);
  });

  test('cancelling here aborts the runner there', async () => {
    await using thread = new Thread();
    await thread.ask('register', { way, events: [text('a')], hangs: true });
    const stream = newEngine().generateTrackedStream(REQUEST);
    await stream.next();
    const reason = new Error('enough');
    await stream.cancel(reason);
    const error = await rejection(stream.next());
    expect(error).toBeInstanceOf(CancelledError);
    expect((error as CancelledError).cause).toBe(reason);
    expect((await thread.ask('runs'))[0].reason).toMatchObject({ code: 'cancelled' });
  });

  test("an abort here throws the signal's very reason", async () => {
    await using thread = new Thread();
    await thread.ask('register', { way, events: [text('a')], hangs: true });
    const controller = new AbortController();
    const stream = newEngine().generateTrackedStream(REQUEST, { signal: controller.signal });
    await stream.next();
    controller.abort();
    expect(await rejection(stream.next())).toBe(controller.signal.reason);
  });

  test('timeouts run although the runner is elsewhere', async () => {
    await using thread = new Thread();
    await thread.ask('register', { way, hangs: true });
    const error = await rejection(newEngine({ timeouts: { firstEventMs: 5 } }).generate(REQUEST));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ kind: 'first-event', timeoutMs: 5 });
  });

  test('a detached call runs on and is logged', async () => {
    await using thread = new Thread();
    await thread.ask('register', { way, repeat: 100 });
    const engine = newEngine(SMALL);
    const stream = engine.generateTrackedStream(REQUEST);
    await stream.next();
    stream.detach();
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    await engine.close('drain');
    expect(await recordOf(engine, stream)).toMatchObject({ status: 'done', eventCount: 101 });
  });
});

describe('a thread that goes away', () => {
  test.each(['exit', 'terminate'] as const)(
    'by %s: the calls that its runner served end typed, and its slot is empty',
    async (way) => {
      const thread = new Thread();
      await thread.ask('register', { events: [text('a')], hangs: true });
      const stream = newEngine().generateTrackedStream(REQUEST);
      expect((await stream.next()).value).toEqual(text('a'));
      const pending = collect(stream);
      await thread[way]();
      const { events, error } = await pending;
      expect(events).toEqual([]);
      expect(error).toBeInstanceOf(InferenceError);
      expect(error).toMatchObject({ code: 'runner-failed', text: 'a' });
      expect((error as Error).message).toMatch(/thread/);
      expect(currentInferenceRunner()).toBeNull();
      await expect(newEngine().generate(REQUEST)).rejects.toBeInstanceOf(NoRunnerError);
    },
  );

  test('a runner registered over it since then stays', async () => {
    const thread = new Thread();
    await thread.ask('register', {});
    const runner = new ScriptedRunner({ events: [text('mine')] });
    setInferenceRunner(runner);
    await thread.terminate();
    expect(currentInferenceRunner()).toBe(runner);
    expect((await newEngine().generate(REQUEST)).text).toBe('mine');
  });

  test.each(['exit', 'terminate'] as const)('by %s: the runner here that served it is aborted', async (way) => {
    const thread = new Thread();
    const signals: AbortSignal[] = [];
    setInferenceRunner(async (_request, { emit, signal }) => {
      signals.push(signal);
      await emit(text('a'));
      await aborted(signal);
    });
    await thread.ask('open', { request: REQUEST });
    await thread.ask('next');
    await thread[way]();
    await until(() => signals[0]?.aborted === true);
    expect(signals[0]?.reason).toBeInstanceOf(CancelledError);
  });
});

test('a runner of another thread is known to be there, and cannot be called from here', async () => {
  await using thread = new Thread();
  await thread.ask('register', {});
  const runner = currentInferenceRunner() as { run: (...args: never[]) => Promise<unknown> };
  expect(runner).not.toBeNull();
  expect(await rejection(runner.run())).toBeInstanceOf(RunnerFailedError);
  setInferenceRunner(new ScriptedRunner());
  expect((await thread.ask('slot')).error.message).toMatch(/another thread/);
});

test('declining in every thread ends with RunnerDeclinedError', async () => {
  await using thread = new Thread();
  await thread.ask('register', { fails: { declined: true, message: 'not mine', status: 403 } });
  const error = await rejection(newEngine().generate(REQUEST));
  expect(error).toBeInstanceOf(RunnerDeclinedError);
  expect(error).toMatchObject({ status: 403 });
});

test('many calls of two threads through one runner do not mix', async () => {
  await using one = new Thread();
  await using two = new Thread();
  setInferenceRunner(async function* (request) {
    for (const letter of request.prompt ?? '') yield text(letter);
  });
  const threads = [one, two];
  await Promise.all(threads.map((thread, n) => thread.ask('open', { request: { ...REQUEST, prompt: `call ${n}` } })));
  const here = newEngine().generate({ ...REQUEST, prompt: 'here' });
  const [first, second] = await Promise.all(threads.map((thread) => thread.ask('collect')));
  expect(first.value.at(-1)).toEqual(done('call 0'));
  expect(second.value.at(-1)).toEqual(done('call 1'));
  expect((await here).text).toBe('here');
});

describe('a thread with nothing else open', () => {
  test.each([
    ['loop', 4],
    ['result', 4],
    ['leave', 0],
    ['close', 0],
  ])('lives until the call that it waits for is over: %s', async (way, events) => {
    setInferenceRunner(async (_request, { emit }) => {
      for (const letter of ['a', 'b', 'c']) {
        await turn();
        await emit(text(letter));
      }
    });
    const counts = new Int32Array(new SharedArrayBuffer(8));
    const worker = new Worker(new URL('./support/workers/lone-consumer.mjs', import.meta.url), {
      workerData: { way, counts },
    });
    expect(await once(worker, 'exit')).toEqual([0]);
    expect([...counts]).toEqual([events, 1]);
  });
});

describe('a runner here that never settles, its consumer in a thread', () => {
  test('hears that its call is over when the grace after done is', async () => {
    const emitters: EventEmitter[] = [];
    setInferenceRunner(async (_request, emitter) => {
      emitters.push(emitter);
      await emitter.emit(text('a'));
      await emitter.emit(done('a'));
      await aborted(emitter.signal);
      await gate().promise;
    });
    await using thread = new Thread();
    await thread.ask('open', { request: REQUEST, engineOptions: { timeouts: { graceMs: 5 } } });
    expect(await thread.ask('collect')).toEqual({ value: [text('a'), done('a')] });
    await until(() => emitters[0]?.signal.aborted === true);
    expect(emitters[0]?.signal.reason).toBeInstanceOf(CancelledError);
    expect(emitters[0]?.isClosed).toBe(true);
    expect(emitters[0]?.emit(text('late'))).toBe('closed');
    expect(emitters[0]).toMatchObject({ attempt: 1, model: { id: 'gpt-5' } });
  });

  test('hears that its call was cancelled, and its late events are closed out', async () => {
    const emitters: EventEmitter[] = [];
    setInferenceRunner(async (_request, emitter) => {
      emitters.push(emitter);
      await emitter.emit(text('a'));
      await gate().promise;
    });
    await using thread = new Thread();
    await thread.ask('open', { request: REQUEST, engineOptions: { timeouts: { graceMs: 5 } } });
    await thread.ask('next');
    await thread.ask('cancel', 'enough');
    expect(emitters[0]?.signal.aborted).toBe(true);
    await until(() => emitters[0]?.emit(text('late')) === 'closed');
    expect(emitters[0]?.traceId).not.toBe('');
  });
});
