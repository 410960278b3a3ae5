/** Closing an engine: what was accepted before is drained or cancelled, what was not is refused, whichever tick it is. */
import {
  CancelledError,
  type Completion,
  EngineClosedError,
  EventLog,
  type GenerateRequest,
  InferenceEngine,
  type InferenceEngineOptions,
  type RunnerLike,
  type StreamEvent,
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

function textOf(events: readonly StreamEvent[]): string {
  return events.map((event) => (event.type === 'text-delta' ? event.text : '')).join('');
}

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
  'a Response of it was read': async (stream) => {
    const lines = (await new Response(stream.toReadableStream({ as: 'bytes' })).text()).trimEnd().split('\n');
    const events: StreamEvent[] = lines.map((line) => JSON.parse(line));
    return textOf(events);
  },
  'its readable was read': async (stream) => {
    const reader = stream.toReadableStream().getReader();
    const events: StreamEvent[] = [];
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) events.push(chunk.value);
    return textOf(events);
  },
  'its readable was looped over': async (stream) => {
    const events = await Array.fromAsync(stream.toReadableStream());
    return textOf(events);
  },
  'its readable was piped': async (stream) => {
    let answer = '';
    const write = (event: StreamEvent) => {
      answer += event.type === 'text-delta' ? event.text : '';
    };
    await stream.toReadableStream().pipeTo(new WritableStream({ write }));
    return answer;
  },
  'its readable was piped through': async (stream) => {
    const lines = stream.toReadableStream({ as: 'bytes' }).pipeThrough(new TextDecoderStream());
    const events: StreamEvent[] = (await Array.fromAsync(lines)).map((line) => JSON.parse(line));
    return textOf(events);
  },
  'its start was awaited': async (stream) => {
    const started = stream.started();
    await turn();
    await started;
    return textOf(await eventsOf(stream));
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

describe('calls that the runners of accepted calls make', () => {
  /** How a runner makes a call, of any depth: `in 2` is answered with the answer of `in 1`. */
  const NESTING: Record<string, (ask: (prompt: string) => Promise<string>) => RunnerLike> = {
    'at once': (ask) => async (request) => ({ text: await answerOf(request, ask) }),
    'after an await': (ask) => async (request) => {
      await turn();
      return { text: await answerOf(request, ask) };
    },
    'from a generator': (ask) =>
      async function* (request) {
        yield text(await answerOf(request, ask));
      },
    'from a generator, between events': (ask) =>
      async function* (request) {
        yield text('');
        await turn();
        const answer = await answerOf(request, ask);
        await turn();
        yield text(answer);
      },
  };

  async function answerOf({ prompt }: GenerateRequest, ask: (prompt: string) => Promise<string>): Promise<string> {
    const depth = Number(prompt?.split(' ')[1]);
    return depth === 0 ? 'innermost' : `${depth} of ${await ask(`in ${depth - 1}`)}`;
  }

  const engineThat = (way: string, options: InferenceEngineOptions = {}): InferenceEngine => {
    const runner = NESTING[way]?.(async (prompt) => (await engine.generate({ prompt })).text) as RunnerLike;
    const engine: InferenceEngine = new InferenceEngine({ ...options, runner });
    return engine;
  };

  test.each(Object.keys(NESTING))('%s are drained as well, and theirs too', async (way) => {
    const engine = engineThat(way);
    const answer = engine.generate({ prompt: 'in 3' });
    const closing = engine.close('drain');
    const late = rejection(engine.generate({ prompt: 'in 0' }));
    await closing;
    expect((await answer).text).toBe('3 of 2 of 1 of innermost');
    expect(await late).toBeInstanceOf(EngineClosedError);
    const records = await Array.fromAsync(engine.eventLog.calls(), ({ status }) => status);
    expect(records).toEqual(Array(4).fill('done'));
    await expect(engine.generate({ prompt: 'in 0' })).rejects.toBeInstanceOf(EngineClosedError);
  });

  test.each(Object.keys(NESTING))('%s are drained when events wait until they are durable', async (way) => {
    await using log = await EventLog.open(newPath(), { durability: 'event' });
    const engine = engineThat(way, { eventLog: log });
    const answer = engine.generate({ prompt: 'in 2' });
    await engine.close('drain');
    expect((await answer).text).toBe('2 of 1 of innermost');
  });

  test('are waited for, also when their own caller is over before', async () => {
    const engine: InferenceEngine = new InferenceEngine({
      runner: async ({ prompt }) => {
        await turn();
        if (prompt === 'outer') inner = engine.generate({ prompt: 'inner' });
        else await turn();
        return { text: `${prompt}` };
      },
    });
    let inner: Promise<Completion> | undefined;
    const outer = engine.generate({ prompt: 'outer' });
    const order: string[] = [];
    const closing = engine.close('drain').then(() => order.push('closed'));
    expect((await outer).text).toBe('outer');
    await inner?.then(() => order.push('inner'));
    await closing;
    expect((await inner)?.text).toBe('inner');
    expect(order.sort()).toEqual(['closed', 'inner']);
  });

  test('through another engine, which is open, are drained', async () => {
    const other: InferenceEngine = new InferenceEngine({
      runner: async () => {
        await turn();
        return { text: `other of ${(await engine.generate({ prompt: 'inner' })).text}` };
      },
    });
    const engine: InferenceEngine = new InferenceEngine({
      runner: async ({ prompt }) => {
        await turn();
        if (prompt === 'inner') return { text: 'inner' };
        return { text: `outer of ${(await other.generate({ prompt: 'other' })).text}` };
      },
    });
    const answer = engine.generate({ prompt: 'outer' });
    await engine.close('drain');
    expect((await answer).text).toBe('outer of other of inner');
  });

  test('are refused once the engine cancels', async () => {
    const made = gate<unknown>();
    const engine: InferenceEngine = new InferenceEngine({
      runner: async (_request, { signal }) => {
        await aborted(signal);
        made.open(await rejection(engine.generate(PROMPT)));
      },
    });
    const answer = rejection(engine.generate(PROMPT));
    const draining = engine.close('drain');
    await engine.close('cancel');
    await draining;
    expect(await answer).toBeInstanceOf(CancelledError);
    expect(await made.promise).toBeInstanceOf(EngineClosedError);
  });

  test('and that the code around the runner makes are refused, while the runner runs', async () => {
    const open = gate();
    const engine = new InferenceEngine({ runner: () => open.promise.then(() => ({ text: 'a' })) });
    const answer = engine.generate(PROMPT);
    const closing = engine.close('drain');
    await turn();
    await expect(engine.generate(PROMPT)).rejects.toBeInstanceOf(EngineClosedError);
    open.open();
    expect((await answer).text).toBe('a');
    await closing;
  });
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
