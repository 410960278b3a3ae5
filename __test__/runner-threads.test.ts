/** One registered runner serves the whole process, whatever its thread is doing. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import {
  CancelledError,
  currentInferenceRunner,
  NoRunnerError,
  RunnerFailedError,
  setInferenceRunner,
  TimeoutError,
} from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { collect, eventsOf, rejection } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { until } from './support/gate';
import { Latch } from './support/latch';
import { aborted, done, text } from './support/scripted-runner';
import { Thread } from './support/thread';

afterEach(() => {
  setInferenceRunner(null);
});

const ANSWER = [text('hel'), text('lo')];
const SHORT = { timeouts: { firstEventMs: 20, idleMs: 20, graceMs: 5 } };
/** No time is short enough to be what ended the call. */
const PATIENT = { timeouts: { firstEventMs: null, idleMs: null, totalMs: null } };

describe('one runner answers everyone', () => {
  async function everyoneIsAnswered(): Promise<void> {
    await using one = new Thread();
    await using two = new Thread();
    const [here, there, rust] = await Promise.all([
      eventsOf(newEngine().generateTrackedStream(REQUEST)),
      one.ask('open', { request: REQUEST }).then(() => one.ask('collect')),
      two.ask('callFromRust', { request: REQUEST }),
    ]);
    expect(here).toEqual([...ANSWER, done('hello')]);
    expect(there).toEqual({ value: [...ANSWER, done('hello')] });
    expect(rust).toEqual({ events: [...ANSWER, done('hello')], error: null });
  }

  test('registered in the main thread: engines there, in workers, and callers in Rust', async () => {
    setInferenceRunner(async function* () {
      yield* ANSWER;
    });
    await everyoneIsAnswered();
  });

  test('registered in a worker: engines in the main thread, in workers, and callers in Rust', async () => {
    await using host = new Thread();
    await host.ask('register', { way: 'generator', events: ANSWER });
    await everyoneIsAnswered();
  });

  test('a caller in Rust that drops its stream aborts the runner', async () => {
    await using caller = new Thread();
    const signals: AbortSignal[] = [];
    setInferenceRunner(async (_request, { emit, signal }) => {
      signals.push(signal);
      await emit(text('a'));
      await aborted(signal);
    });
    expect(await caller.ask('callFromRust', { request: REQUEST, take: 1 })).toEqual({
      events: [text('a')],
      error: null,
    });
    expect(signals[0]?.reason).toBeInstanceOf(CancelledError);
  });

  test('a caller in Rust gets the typed failure of a runner in JavaScript', async () => {
    await using caller = new Thread();
    setInferenceRunner(async (_request, { emit }) => {
      await emit(text('a'));
      throw new Error('overloaded');
    });
    expect(await caller.ask('callFromRust', { request: REQUEST })).toMatchObject({
      error: { code: 'runner-failed', message: expect.stringContaining('overloaded') },
    });
  });
});

describe('while the thread of the runner does not turn its loop', () => {
  test('a call waits, and is served when the thread comes back', async () => {
    await using host = new Thread();
    await host.ask('register', { events: ANSWER });
    const latch = new Latch();
    const blocked = host.ask('block', latch.cells);
    await latch.reached();
    const answer = newEngine(PATIENT).generate(REQUEST);
    latch.release();
    expect((await answer).text).toBe('hello');
    await blocked;
  });

  test('a call that nobody has begun ends by its own times, and is never begun', async () => {
    await using host = new Thread();
    await host.ask('register', { events: ANSWER });
    const latch = new Latch();
    const blocked = host.ask('block', latch.cells);
    await latch.reached();
    const error = await rejection(newEngine(SHORT).generate(REQUEST));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ kind: 'first-event', timeoutMs: 20 });
    latch.release();
    await blocked;
    expect(await host.ask('runs')).toEqual([]);
  });

  test('a call that has begun ends by its own times, with its text', async () => {
    await using host = new Thread();
    const latch = new Latch();
    await host.ask('register', { events: ANSWER, blocks: latch.cells });
    const { events, error } = await collect(newEngine(SHORT).generateTrackedStream(REQUEST));
    expect(events).toEqual(ANSWER);
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ kind: 'idle', text: 'hello' });
    latch.release();
  });

  test.each(['begun', 'not begun'])('cancelling and closing do not wait for it: a call that is %s', async (state) => {
    await using host = new Thread();
    const latch = new Latch();
    await host.ask('register', { events: [text('a')], ...(state === 'begun' && { blocks: latch.cells }) });
    const engine = newEngine({ timeouts: { ...PATIENT.timeouts, graceMs: 5 } });
    const streams = [0, 1].map(() => engine.generateTrackedStream(REQUEST));
    if (state === 'begun') {
      await streams[0]?.next();
    } else {
      host.ask('block', latch.cells);
      await latch.reached();
    }
    const pulls = streams.map((stream) => rejection(stream.next()));
    await streams[0]?.cancel('enough');
    await engine.close('cancel');
    for (const pull of pulls) expect(await pull).toBeInstanceOf(CancelledError);
    latch.release();
    await until(() => currentInferenceRunner() !== null);
  });

  test('a call that nobody has begun ends at once when it is cancelled: no grace is waited for', async () => {
    await using host = new Thread();
    await host.ask('register', { events: ANSWER });
    const latch = new Latch();
    host.ask('block', latch.cells);
    await latch.reached();
    // Longer than this test may take.
    const stream = newEngine({ timeouts: { graceMs: 600_000 } }).generateTrackedStream(REQUEST);
    const pull = rejection(stream.next());
    await stream.cancel();
    expect(await pull).toBeInstanceOf(CancelledError);
    latch.release();
  });

  test('a call that is cancelled while its turn comes is not begun', async () => {
    await using host = new Thread();
    const latch = new Latch();
    await host.ask('register', { blocks: latch.cells });
    await host.ask('gatherRuns', 2);
    const streams = [0, 1].map(() => newEngine(PATIENT).generateTrackedStream(REQUEST));
    const pulls = streams.map((stream) => rejection(stream.next()));
    // The runner holds the thread for the one that came first, and the other waits for its turn behind it.
    await latch.reached();
    const cancelled = streams.map((stream) => stream.cancel());
    latch.release();
    await Promise.all(cancelled);
    for (const pull of pulls) expect(await pull).toBeInstanceOf(CancelledError);
    expect(await host.ask('runs')).toHaveLength(1);
  });

  test('engines of other threads and callers in Rust end by their own times too', async () => {
    await using host = new Thread();
    await using consumer = new Thread();
    await using caller = new Thread();
    await host.ask('register', { events: ANSWER });
    const latch = new Latch();
    host.ask('block', latch.cells);
    await latch.reached();
    await consumer.ask('open', { request: REQUEST, engineOptions: SHORT });
    const [there, rust] = await Promise.all([
      consumer.ask('collect'),
      caller.ask('callFromRust', { request: REQUEST, engineOptions: SHORT }),
    ]);
    expect(there.error).toMatchObject({ code: 'timeout', kind: 'first-event' });
    expect(rust.error).toMatchObject({ code: 'timeout' });
    latch.release();
  });

  test.each(['begun', 'not begun'])('its end ends the calls at once, whatever their times: one %s', async (state) => {
    const host = new Thread();
    const latch = new Latch();
    await host.ask('register', { events: [text('a')], ...(state === 'begun' && { blocks: latch.cells }) });
    if (state === 'not begun') {
      host.ask('block', latch.cells);
      await latch.reached();
    }
    const pending = collect(newEngine(PATIENT).generateTrackedStream(REQUEST));
    if (state === 'begun') await latch.reached();
    await host.terminate();
    const { error } = await pending;
    expect(error).toBeInstanceOf(RunnerFailedError);
    expect((error as Error).message).toMatch(/thread .* exited/);
    expect(currentInferenceRunner()).toBeNull();
  });

  test('calls that were given up do not pile up in its mailbox', async () => {
    await using host = new Thread();
    await host.ask('register', { events: ANSWER });
    const latch = new Latch();
    const mail = host.ask('blockAndTakeMail', latch.cells);
    await latch.reached();
    const engine = newEngine(SHORT);
    await Promise.all([0, 1, 2].map(() => rejection(engine.generate(REQUEST))));
    const stream = engine.generateTrackedStream(REQUEST);
    stream.next().catch(() => {});
    await stream.cancel();
    latch.release();
    expect(await mail).toEqual([]);
  });
});

describe('while the thread of the consumer does not turn its loop', () => {
  const MANY = 1000;
  const SMALL = { limits: { bufferedEventsMax: 4 } };

  test('its runner waits, and goes on when the thread comes back', async () => {
    await using consumer = new Thread();
    let emitted = 0;
    setInferenceRunner(async (_request, { emit }) => {
      for (; emitted < MANY; emitted += 1) await emit(text('x'));
    });
    await consumer.ask('open', { request: REQUEST, engineOptions: SMALL });
    await consumer.ask('next');
    const latch = new Latch();
    const blocked = consumer.ask('block', latch.cells);
    await latch.reached();
    // Another consumer is served meanwhile.
    const before = emitted;
    setInferenceRunner(async () => ({ text: 'meanwhile' }));
    expect((await newEngine().generate(REQUEST)).text).toBe('meanwhile');
    expect(emitted).toBe(before);
    expect(emitted).toBeLessThan(MANY);
    latch.release();
    await blocked;
    expect((await consumer.ask('collect')).value).toHaveLength(MANY);
  });

  test('its end aborts the runner that waits for room', async () => {
    const consumer = new Thread();
    let reason: unknown;
    let outcome: unknown;
    setInferenceRunner(async (_request, { emit, signal }) => {
      signal.addEventListener('abort', () => {
        reason = signal.reason;
      });
      do outcome = await emit(text('x'));
      while (outcome === 'delivered');
    });
    await consumer.ask('open', { request: REQUEST, engineOptions: SMALL });
    await consumer.ask('next');
    const latch = new Latch();
    consumer.ask('block', latch.cells);
    await latch.reached();
    await consumer.terminate();
    await until(() => outcome !== 'delivered');
    expect(reason).toBeInstanceOf(CancelledError);
    expect(outcome).toBe('closed');
  });
});

describe('registering in workers', () => {
  test('of workers that race to register one wins, and the slot is empty when all are gone', async () => {
    for (let round = 0; round < 5; round += 1) {
      const threads = ['one', 'two', 'three'].map((name) => ({ name, thread: new Thread() }));
      const latch = new Latch();
      const registered = threads.map(async ({ name, thread }) => {
        const held = thread.ask('block', latch.cells);
        await latch.reached();
        await Promise.all([held, thread.ask('register', { events: [text(name)] })]);
      });
      await latch.reached();
      latch.release();
      await Promise.all(registered);
      const { text: winner } = await newEngine().generate(REQUEST);
      expect(threads.map(({ name }) => name)).toContain(winner);
      // The losers go first: that must not take the winner's place.
      const losers = threads.filter(({ name }) => name !== winner);
      await Promise.all(losers.map(({ thread }) => thread.terminate()));
      expect((await newEngine().generate(REQUEST)).text).toBe(winner);
      await Promise.all(threads.map(({ thread }) => thread.terminate()));
      expect(currentInferenceRunner()).toBeNull();
      expect(await rejection(newEngine().generate(REQUEST))).toBeInstanceOf(NoRunnerError);
    }
  });

  test('a runner that was replaced and still serves a call does not take the new one with it', async () => {
    const host = new Thread();
    await host.ask('register', { events: [text('a')], hangs: true });
    const stream = newEngine(PATIENT).generateTrackedStream(REQUEST);
    await stream.next();
    const runner = async () => ({ text: 'new' });
    setInferenceRunner(runner);
    const failed = rejection(stream.next());
    await host.terminate();
    expect(await failed).toBeInstanceOf(RunnerFailedError);
    expect(currentInferenceRunner()).toBe(runner);
  });

  test('the slot of a hint is cleared with its worker, and the process-wide one stays', async () => {
    setInferenceRunner(async () => ({ text: 'process-wide' }));
    const host = new Thread();
    await host.ask('register', { hint: 'openai', events: [text('hinted')] });
    expect((await newEngine().generate(REQUEST)).text).toBe('hinted');
    await host.terminate();
    expect((await newEngine().generate(REQUEST)).text).toBe('process-wide');
  });

  test('a runner does not keep its worker, and goes with it', async () => {
    const worker = new Worker(
      "require('car-inference').setInferenceRunner(() => {}); require('car-inference').currentInferenceRunner().run;",
      { eval: true },
    );
    expect(await once(worker, 'exit')).toEqual([0]);
    expect(currentInferenceRunner()).toBeNull();
  });

  test.each([
    ['an uncaught exception', "setImmediate(() => { throw new Error('broken') });"],
    ['an unhandled rejection', "Promise.reject(new Error('broken'));"],
    ['process.exit in the runner', 'process.exit(0);'],
    ['a heap that is full', 'const full = []; for (;;) full.push(new Array(1e5).fill(0).map(() => ({})));'],
  ])('a worker that dies of %s ends its calls typed, and its slot is empty', async (_name, dies) => {
    const worker = new Worker(
      `require('car-inference').setInferenceRunner(async (request, { emit }) => {
         await emit({ type: 'text-delta', text: 'a' });
         ${dies}
         await new Promise(() => {});
       });
       const { parentPort } = require('node:worker_threads');
       parentPort.on('message', () => {});
       parentPort.postMessage('registered');`,
      { eval: true, resourceLimits: { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 4 } },
    );
    worker.on('error', () => {});
    const exit = new Promise((resolve) => worker.on('exit', resolve));
    await once(worker, 'message');
    const { error } = await collect(newEngine(PATIENT).generateTrackedStream(REQUEST));
    expect(error).toBeInstanceOf(RunnerFailedError);
    expect(error).toMatchObject({ text: 'a', message: expect.stringMatching(/thread .* exited/) });
    await exit;
    expect(currentInferenceRunner()).toBeNull();
  });
});
