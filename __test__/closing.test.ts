/** Closing an engine: what was accepted before is drained or cancelled, what was not is refused, whichever tick it is. */
import {
  CancelledError,
  EngineClosedError,
  EventLog,
  InferenceEngine,
  type RunnerLike,
  type TrackedStream,
} from 'car-inference';
import { describe, expect, test } from 'vitest';
import { eventsOf, rejection } from './support/collect';
import { newPath } from './support/durable-log';
import { gate, turn } from './support/gate';
import { aborted, done, text } from './support/scripted-runner';

const PROMPT = { prompt: 'hi' };

const generator: RunnerLike = async function* () {
  yield text('a');
  await turn();
  yield text('b');
};
const emitter: RunnerLike = async (_request, { emit }) => {
  await emit(text('a'));
  await turn();
  await emit(text('b'));
};

/** What accepts a call, and what its consumer then gets. */
const ACCEPTING: Record<string, (stream: TrackedStream) => Promise<unknown>> = {
  'its result was asked for': async (stream) => (await stream.result()).text,
  'it was detached': async (stream) => {
    stream.detach();
    return (await stream.result()).text;
  },
  'it was pulled': async (stream) => {
    const first = stream.next();
    await turn();
    return [(await first).value, ...(await eventsOf(stream))]
      .map((event) => (event?.type === 'text-delta' ? event.text : ''))
      .join('');
  },
  'its start was awaited': async (stream) => {
    const started = stream.started();
    await turn();
    await started;
    return (await eventsOf(stream)).map((event) => (event.type === 'text-delta' ? event.text : '')).join('');
  },
};

describe.each(Object.entries({ 'a generator': generator, 'an emitter': emitter }))(
  'a call of %s, in the same tick',
  (_way, runner) => {
    test.each(Object.entries(ACCEPTING))('is drained when %s', async (_how, accept) => {
      const engine = new InferenceEngine({ runner });
      const answer = accept(engine.generateTrackedStream(PROMPT));
      const closing = engine.close('drain');
      expect(await answer).toBe('ab');
      await closing;
      await expect(engine.generate(PROMPT)).rejects.toBeInstanceOf(EngineClosedError);
    });

    test.each(Object.entries(ACCEPTING))('is cancelled when %s and closing says so', async (_how, accept) => {
      const engine = new InferenceEngine({ runner });
      const stream = engine.generateTrackedStream(PROMPT);
      const answer = rejection(accept(stream));
      const closing = engine.close('cancel');
      expect(await answer).toBeInstanceOf(CancelledError);
      await closing;
    });
  },
);

test('draining resolves after the answers of all calls of the tick, and refuses those after it', async () => {
  const engine = new InferenceEngine({ runner: generator });
  const order: string[] = [];
  const answers = [1, 2, 3].map((n) => engine.generate(PROMPT).then(() => order.push(`answer ${n}`)));
  const closing = engine.close('drain').then(() => order.push('closed'));
  const late = rejection(engine.generate(PROMPT));
  await Promise.all([...answers, closing]);
  expect(order).toEqual(['answer 1', 'answer 2', 'answer 3', 'closed']);
  expect(await late).toBeInstanceOf(EngineClosedError);
});

test('a loop that begins after the result was asked for and the engine was closed, in the same tick, gets every event', async () => {
  const engine = new InferenceEngine({ runner: generator });
  const stream = engine.generateTrackedStream(PROMPT);
  const result = stream.result();
  const closing = engine.close('drain');
  expect(await eventsOf(stream)).toEqual([text('a'), text('b'), done('ab')]);
  expect((await result).text).toBe('ab');
  await closing;
});

test('a stream that was only made, or only looked at, has not begun: it is refused', async () => {
  const engine = new InferenceEngine({ runner: generator });
  const made = engine.generateTrackedStream(PROMPT);
  const looped = engine.generateTrackedStream(PROMPT)[Symbol.asyncIterator]();
  const named = engine.generateTrackedStream(PROMPT);
  expect(named.traceId).not.toBe('');
  await engine.close('drain');
  for (const stream of [made, looped, named]) await expect(stream.next()).rejects.toBeInstanceOf(EngineClosedError);
});

test('calls that the runners of accepted calls make are drained as well', async () => {
  const engine: InferenceEngine = new InferenceEngine({
    runner: async ({ prompt }) => {
      if (prompt === 'inner') return { text: 'inner' };
      return { text: `outer of ${(await engine.generate({ prompt: 'inner' })).text}` };
    },
  });
  const answer = engine.generate({ prompt: 'outer' });
  await engine.close('drain');
  expect((await answer).text).toBe('outer of inner');
});

test('cancelling after draining, in the same tick, cancels', async () => {
  const engine = new InferenceEngine({
    runner: async (_request, { signal }) => {
      await aborted(signal);
    },
  });
  const answer = rejection(engine.generate(PROMPT));
  const draining = engine.close('drain');
  await engine.close('cancel');
  await draining;
  expect(await answer).toBeInstanceOf(CancelledError);
});

test.each(['drain', 'cancel'] as const)(
  'a durable log of the engine’s own is closed after the calls of the tick (%s)',
  async (mode) => {
    const path = newPath();
    const engine = new InferenceEngine({ runner: generator, eventLog: path });
    const stream = engine.generateTrackedStream(PROMPT);
    const answer = stream.result().then(
      ({ text: said }) => said,
      ({ code }) => code,
    );
    await engine.close(mode);
    expect(await answer).toBe(mode === 'drain' ? 'ab' : 'cancelled');
    await using log = await EventLog.open(path);
    const records = await Array.fromAsync(log.calls(), ({ status, text: said }) => ({ status, text: said }));
    expect(records).toEqual(mode === 'drain' ? [{ status: 'done', text: 'ab' }] : []);
  },
);

describe('at the end of an `await using` block', () => {
  test('calls whose answer is wanted are answered, in the same tick too', async () => {
    const answers: Array<Promise<unknown>> = [];
    {
      await using engine = new InferenceEngine({ runner: generator });
      answers.push(engine.generate(PROMPT).then(({ text: said }) => said));
      const detached = engine.generateTrackedStream(PROMPT);
      detached.detach();
      answers.push(detached.result().then(({ text: said }) => said));
    }
    expect(await Promise.all(answers)).toEqual(['ab', 'ab']);
  });

  test('a stream that nobody reads to its end is cancelled, so that the block ends', async () => {
    const signals: AbortSignal[] = [];
    const open = gate();
    const block = async () => {
      await using engine = new InferenceEngine({
        runner: async (_request, { emit, signal }) => {
          signals.push(signal);
          await emit(text('a'));
          await aborted(signal);
          open.open();
        },
      });
      const stream = engine.generateTrackedStream(PROMPT);
      await stream.next();
      throw new Error('the block fails');
    };
    await expect(block()).rejects.toThrow('the block fails');
    await open.promise;
    expect(signals[0]?.aborted).toBe(true);
  });
});
