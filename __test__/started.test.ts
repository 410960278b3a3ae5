/** `started()`: whether a call has got as far as its first event, without taking anything of the stream. */
import {
  CancelledError,
  EngineClosedError,
  InferenceEngine,
  NoRunnerError,
  RunnerFailedError,
  type RunnerLike,
  setInferenceRunner,
  type TrackedStream,
} from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { eventsOf, rejection } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { collectUntil, Traces } from './support/garbage';
import { gate, turn } from './support/gate';
import { bothWays, done, text } from './support/scripted-runner';
import { Thread } from './support/thread';

afterEach(() => {
  setInferenceRunner(null);
});

const PROMPT = { prompt: 'hi' };
const EVENTS = [text('a'), text('b'), text('c')];

function streamOf(runner: RunnerLike): TrackedStream {
  return new InferenceEngine({ runner }).generateTrackedStream(PROMPT);
}

describe.each(Object.entries(bothWays(EVENTS)))('of %s', (_way, runner) => {
  test('starts the call, resolves at its first event, and leaves all events to the loop', async () => {
    const stream = streamOf(runner);
    await expect(stream.started()).resolves.toBeUndefined();
    expect(await eventsOf(stream)).toEqual([...EVENTS, done('abc')]);
    await stream.started();
  });

  test('goes together with pulls and the result, in any order', async () => {
    const uses: Array<(stream: TrackedStream) => unknown[]> = [
      (stream) => [stream.started(), stream.next(), stream.started(), stream.result()],
      (stream) => [stream.next(), stream.started(), stream.next()],
      (stream) => [stream.result(), stream.started()],
    ];
    for (const use of uses) {
      const stream = streamOf(runner);
      await Promise.all(use(stream));
      await stream.started();
      expect((await stream.result()).text).toBe('abc');
      await stream.started();
    }
  });

  test('resolves of a detached call, and of one without a reader', async () => {
    const detached = streamOf(runner);
    detached.detach();
    await detached.started();
    const stream = streamOf(runner);
    const result = stream.result();
    await stream.started();
    expect((await result).text).toBe('abc');
  });
});

test('is pending until something comes, and a generator is asked for one event only', async () => {
  const open = gate();
  const yielded: string[] = [];
  const stream = streamOf(async function* () {
    await open.promise;
    for (const event of EVENTS) {
      yielded.push(event.text);
      yield event;
    }
  });
  let isStarted = false;
  const started = stream.started().then(() => {
    isStarted = true;
  });
  for (let turns = 0; turns < 5; turns += 1) await turn();
  expect(isStarted).toBe(false);
  open.open();
  await started;
  await turn();
  expect(yielded).toEqual(['a']);
  expect(await eventsOf(stream)).toEqual([...EVENTS, done('abc')]);
});

test('an event that is no text is one as well', async () => {
  const stream = streamOf(async function* () {
    yield { type: 'usage', inputTokens: 1 };
    throw new Error('broken');
  });
  await stream.started();
  await expect(stream.next()).resolves.toMatchObject({ value: { type: 'usage' } });
  await expect(stream.next()).rejects.toBeInstanceOf(RunnerFailedError);
  await stream.started();
});

test('resolves when the call is completed without an event', async () => {
  const stream = streamOf(() => ({ text: 'whole' }));
  await stream.started();
  expect(await eventsOf(stream)).toEqual([done('whole')]);
  await streamOf(() => {}).started();
});

describe('rejects when the call fails before its first event', () => {
  test('with the very error that the stream throws, as often as one asks', async () => {
    const stream = streamOf(() => Promise.reject(new Error('no')));
    const [first, second] = await Promise.all([rejection(stream.started()), rejection(stream.started())]);
    expect(first).toBeInstanceOf(RunnerFailedError);
    expect(second).toBe(first);
    expect(await rejection(stream.next())).toBe(first);
    expect(await rejection(stream.result())).toBe(first);
    expect(await rejection(stream.started())).toBe(first);
  });

  test('refused, cancelled before or while it starts, aborted', async () => {
    await expect(newEngine().generateTrackedStream(REQUEST).started()).rejects.toBeInstanceOf(NoRunnerError);
    const runner: RunnerLike = async (_request, { cancelled }) => {
      await cancelled();
    };
    const before = streamOf(runner);
    void before.cancel('early');
    await expect(before.started()).rejects.toBeInstanceOf(CancelledError);
    const while_ = streamOf(runner);
    const started = rejection(while_.started());
    await while_.cancel('enough');
    expect(await started).toBeInstanceOf(CancelledError);
    const { signal } = { signal: AbortSignal.abort('the reason') };
    const engine = new InferenceEngine({ runner });
    await expect(engine.generateTrackedStream(PROMPT, { signal }).started()).rejects.toBe('the reason');
    await engine.close('drain');
    await expect(engine.generateTrackedStream(PROMPT).started()).rejects.toBeInstanceOf(EngineClosedError);
  });

  test('and nothing is reported when nobody waits for it', async () => {
    const unhandled: unknown[] = [];
    const report = (error: unknown) => unhandled.push(error);
    process.on('unhandledRejection', report);
    const stream = streamOf(() => Promise.reject(new Error('no')));
    void stream.started();
    await stream.result().catch(() => {});
    void stream.started();
    await turn();
    await turn();
    process.off('unhandledRejection', report);
    expect(unhandled).toEqual([]);
  });
});

test('waits for the attempt that has something to say', async () => {
  let runs = 0;
  const runner: RunnerLike = async function* () {
    runs += 1;
    if (runs < 3) throw new Error('busy');
    yield text('at last');
  };
  const engine = new InferenceEngine({ runner, retry: { attemptsMax: 3, backoffMs: 0 } });
  const stream = engine.generateTrackedStream(PROMPT);
  await stream.started();
  expect(runs).toBe(3);
  expect((await stream.result()).text).toBe('at last');
});

test('of a runner in another thread', async () => {
  await using host = new Thread();
  await host.ask('register', { way: 'generator', events: EVENTS });
  const stream = newEngine().generateTrackedStream(REQUEST);
  await stream.started();
  await stream.started();
  expect(await eventsOf(stream)).toEqual([...EVENTS, done('abc')]);
  await host.ask('register', { way: 'emitter', fails: { message: 'no' } });
  const failing = newEngine().generateTrackedStream(REQUEST);
  await expect(failing.started()).rejects.toBeInstanceOf(RunnerFailedError);
});

test('a stream of which only its start is awaited is forgotten afterwards, and not before', async () => {
  const traces = new Traces();
  const signals: AbortSignal[] = [];
  const open = gate();
  const engine = new InferenceEngine({
    runner: async (_request, { emit, signal }) => {
      signals.push(signal);
      await open.promise;
      await emit(text('a'));
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  });
  const started = (() => traces.follow('stream', engine.generateTrackedStream(PROMPT)).started())();
  await collectUntil(
    () => traces.left.length === 0,
    () => traces.left,
  );
  expect(signals[0]?.aborted).toBe(false);
  open.open();
  await started;
  await collectUntil(() => signals[0]?.aborted === true);
});
