import {
  CancelledError,
  EngineClosedError,
  InvalidRequestError,
  ModelNotFoundError,
  setInferenceRunner,
} from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { collect, eventsOf, rejection } from './support/collect';
import { MODEL, newEngine, REQUEST } from './support/engine';
import { gate } from './support/gate';
import { aborted, ScriptedRunner, text } from './support/scripted-runner';

afterEach(() => setInferenceRunner(null).dispose());

function pathsOf(error: unknown): string[] {
  expect(error).toBeInstanceOf(InvalidRequestError);
  return (error as InvalidRequestError).problems.map(({ path }) => path);
}

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('models', () => {
  test('are registered, replaced by id and listed as copies', async () => {
    const engine = newEngine({ models: [] });
    engine.registerModel(MODEL);
    engine.registerModel({ ...MODEL, name: 'five' });
    expect(engine.models).toEqual([{ ...MODEL, name: 'five' }]);
    engine.models.pop();
    expect(engine.models).toHaveLength(1);
  });

  test('an unknown model fails the call and names the known ones', async () => {
    const error = await rejection(newEngine().generate({ model: 'gpt-4', prompt: 'hi' }));
    expect(error).toBeInstanceOf(ModelNotFoundError);
    expect((error as Error).message).toMatch(/gpt-4.*gpt-5/);
  });

  test('an invalid schema is refused with all problems', () => {
    const engine = newEngine();
    const schema = { id: 5, source: { type: 'elsewhere' } };
    const error = thrownBy(() => engine.registerModel(schema as never));
    expect(pathsOf(error)).toEqual(expect.arrayContaining(['id', 'source.type']));
  });
});

describe('invalid options of an engine', () => {
  const table: Array<[string, unknown, string[]]> = [
    ['an unknown field', { model: [] }, ['model']],
    ['timeouts of the wrong type', { timeouts: { idleMs: 'soon' } }, ['timeouts.idleMs']],
    ['a timeout of zero', { timeouts: { totalMs: 0 } }, ['timeouts.totalMs']],
    ['a negative timeout', { timeouts: { firstEventMs: -1 } }, ['timeouts.firstEventMs']],
    ['a bound of zero', { limits: { bufferedEventsMax: 0 } }, ['limits.bufferedEventsMax']],
    ['no attempt at all', { retry: { attemptsMax: 0 } }, ['retry.attemptsMax']],
    ['the same model twice', { models: [MODEL, MODEL] }, ['models[1].id']],
    [
      'several at once',
      { timeouts: { idleMs: 0 }, limits: { eventBytesMax: 0 }, retry: { backoffFactor: 0 } },
      ['timeouts.idleMs', 'limits.eventBytesMax', 'retry.backoffFactor'],
    ],
    ['a BigInt', { timeouts: { idleMs: 5n } }, ['timeouts.idleMs']],
  ];
  test.each(table)('%s', (_name, options, paths) => {
    expect(pathsOf(thrownBy(() => newEngine(options as never)))).toEqual(paths);
  });
});

describe('invalid requests', () => {
  test('all problems are listed with their paths, and the runner is never called', async () => {
    const runner = new ScriptedRunner();
    setInferenceRunner(runner);
    const stream = newEngine().generateTrackedStream({
      model: 'gpt-5',
      params: { temperature: -1, topP: 2 },
      messages: [{ role: 'user-multimodal', content: [] }],
      tools: [{}],
    });
    const { events, error } = await collect(stream);
    expect(events).toEqual([]);
    expect(pathsOf(error)).toEqual(['messages[0].content', 'tools[0].name', 'params.temperature', 'params.topP']);
    expect((error as Error).message).toContain('params.topP');
    expect(runner.runs).toHaveLength(0);
  });

  test('what is wrong in shape hides neither what is wrong in value nor what is wrong with the options', async () => {
    const request = { prompt: 'hi', temperature: 1, params: { topP: 2 } };
    const inOptions = newEngine().generateTrackedStream(request as never, { timeouts: { idleMs: 0 } });
    expect(pathsOf((await collect(inOptions)).error)).toEqual(['temperature', 'params.topP', 'timeouts.idleMs']);
    const inRequest = newEngine().generateTrackedStream({ params: { topP: 2 } }, { timeouts: { idle: 5 } as never });
    expect(pathsOf((await collect(inRequest)).error)).toEqual(['prompt', 'params.topP', 'timeouts.idle']);
  });

  const cyclic: Record<string, unknown> = { prompt: 'hi' };
  cyclic.providerOptions = { self: cyclic };
  const table: Array<[string, unknown, string[]]> = [
    ['neither prompt nor messages', { model: 'gpt-5' }, ['prompt']],
    ['wrong types', { model: 5, prompt: {}, tags: 'x' }, ['model', 'prompt', 'tags']],
    ['an unknown field', { prompt: 'hi', temperature: 1 }, ['temperature']],
    ['an unknown role', { messages: [{ role: 'robot', content: '' }] }, ['messages[0].role']],
    ['undefined', undefined, ['']],
    ['null', null, ['']],
    ['a string', 'hi', ['']],
    ['a BigInt inside', { prompt: 'hi', params: { seed: 5n } }, ['params.seed']],
    ['a cycle', cyclic, ['providerOptions.self']],
    [
      'a getter that throws',
      {
        get prompt() {
          throw new Error('no');
        },
      },
      ['prompt'],
    ],
  ];
  test.each(table)('%s', async (_name, request, paths) => {
    const error = await rejection(newEngine().generate(request as never));
    expect(pathsOf(error).sort()).toEqual([...paths].sort());
  });

  const optionTable: Array<[string, unknown, string[]]> = [
    ['not an object', 5, ['options']],
    ['a signal that is none', { signal: {} }, ['signal']],
    ['a signal that cannot be left alone again', { signal: { aborted: false, addEventListener() {} } }, ['signal']],
    ['a wrong timeout', { timeouts: { idleMs: 'x' } }, ['timeouts.idleMs']],
    ['a timeout of zero', { timeouts: { idleMs: 0 } }, ['timeouts.idleMs']],
    ['an unknown limit', { limits: { max: 1 } }, ['limits.max']],
    ['no attempt', { retry: { attemptsMax: 0 } }, ['retry.attemptsMax']],
  ];
  test.each(optionTable)('options of a call: %s', async (_name, options, paths) => {
    expect(pathsOf(await rejection(newEngine().generate(REQUEST, options as never)))).toEqual(paths);
  });

  test('problems of the request and of the options come together', async () => {
    const error = await rejection(
      newEngine().generate({ prompt: 5 } as never, { retry: { attemptsMax: 'x' } } as never),
    );
    expect(pathsOf(error)).toEqual(['prompt', 'retry.attemptsMax']);
  });

  test('a request that is wrong never throws at the call itself', () => {
    const hostile = new Proxy(
      {},
      {
        get() {
          throw new Error('hands off');
        },
        ownKeys() {
          throw new Error('hands off');
        },
      },
    );
    expect(() => newEngine().generateTrackedStream(hostile as never)).not.toThrow();
    expect(() => newEngine().generateTrackedStream(REQUEST, hostile as never)).not.toThrow();
  });
});

describe('closing', () => {
  test('drain lets calls in flight end and refuses new ones', async () => {
    const go = gate();
    setInferenceRunner(async (_request, { emit }) => {
      await emit(text('a'));
      await go.promise;
      await emit(text('b'));
    });
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST);
    await stream.next();
    let closed = false;
    const closing = engine.close('drain').then(() => {
      closed = true;
    });
    await expect(engine.generate(REQUEST)).rejects.toBeInstanceOf(EngineClosedError);
    expect(closed).toBe(false);
    go.open();
    expect((await stream.result()).text).toBe('ab');
    await closing;
    await engine.close();
  });

  test('cancel ends calls in flight with a CancelledError, also after drain', async () => {
    const signals: AbortSignal[] = [];
    setInferenceRunner(async (_request, { emit, signal }) => {
      signals.push(signal);
      await emit(text('a'));
      await aborted(signal);
    });
    const engine = newEngine();
    const streams = [engine.generateTrackedStream(REQUEST), engine.generateTrackedStream(REQUEST)];
    for (const stream of streams) await stream.next();
    const draining = engine.close('drain');
    await engine.close('cancel');
    await draining;
    for (const stream of streams) await expect(stream.next()).rejects.toBeInstanceOf(CancelledError);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  });

  test('the log stays readable', async () => {
    setInferenceRunner(new ScriptedRunner({ events: [text('a')] }));
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST);
    await eventsOf(stream);
    await engine.close('cancel');
    expect((await engine.eventLog.call(stream.traceId))?.text).toBe('a');
  });

  test('another mode is a TypeError', async () => {
    await expect(newEngine().close('now' as never)).rejects.toThrow(/'drain' or 'cancel', got a string/);
    await expect(newEngine().close(true as never)).rejects.toBeInstanceOf(TypeError);
  });

  test('await using closes the engine', async () => {
    const engine = newEngine();
    {
      await using closing = engine;
      expect(closing.models).toHaveLength(1);
    }
    await expect(engine.generate(REQUEST)).rejects.toBeInstanceOf(EngineClosedError);
  });
});

describe('the event log', () => {
  test('lists calls, the newest first, and filters them', async () => {
    setInferenceRunner(
      new ScriptedRunner({ events: [text('a')] }, { fails: new Error('no') }, { events: [text('c')] }),
    );
    const engine = newEngine();
    const streams = [1, 2, 3].map(() => engine.generateTrackedStream(REQUEST));
    for (const stream of streams) await collect(stream);
    const ids = streams.map(({ traceId }) => traceId);
    const list = async (filter?: object) => Array.fromAsync(engine.eventLog.calls(filter), ({ traceId }) => traceId);
    expect(await list()).toEqual([...ids].reverse());
    expect(await list({ status: 'failed' })).toEqual([ids[1]]);
    expect(await list({ limit: 1 })).toEqual([ids[2]]);
    expect(await list({ model: 'other' })).toEqual([]);
  });

  test('knows nothing of a call that never was', async () => {
    const { eventLog } = newEngine();
    expect(await eventLog.call('nope')).toBeUndefined();
    expect(await Array.fromAsync(eventLog.events('nope'))).toEqual([]);
  });

  test('refuses wrong arguments clearly', async () => {
    const { eventLog } = newEngine();
    await expect(eventLog.call(5 as never)).rejects.toThrow(/traceId must be a string, got a number/);
    await expect(eventLog.events(undefined as never).next()).rejects.toBeInstanceOf(TypeError);
    expect(pathsOf(await rejection(eventLog.calls({ status: 'lost' as never }).next()))).toEqual(['status']);
  });
});
