/** Runners of an engine, a model and a call: who is asked, in which order, and what nobody else notices of it. */
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  currentInferenceRunner,
  type EventEmitter,
  EventLog,
  type GenerateRequest,
  InferenceEngine,
  InvalidRequestError,
  type ModelInput,
  ModelNotFoundError,
  NoRunnerError,
  RunnerDeclinedError,
  type RunnerLike,
  setInferenceRunner,
} from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { rejection } from './support/collect';
import { newPath } from './support/durable-log';
import { collectUntil, Traces } from './support/garbage';
import { gate } from './support/gate';
import { text } from './support/scripted-runner';
import { Thread } from './support/thread';

afterEach(() => {
  setInferenceRunner(null);
  setInferenceRunner(null, { hint: 'h' });
});

/** A runner that answers with its name. */
function says(name: string): RunnerLike {
  return async function* () {
    yield text(name);
  };
}

/** Runners that note their names, and decline unless they are the one that shall answer. */
class Chain {
  readonly asked: string[] = [];
  answers: string | undefined;

  runner(name: string): RunnerLike {
    return async ({ model }: GenerateRequest, { emit }: EventEmitter) => {
      this.asked.push(`${name} for ${model}`);
      if (name !== this.answers) throw new RunnerDeclinedError(`${name} declines`);
      await emit(text(name));
    };
  }
}

const PLACES = ['call', 'model', 'engine hint', 'engine', 'hint', 'process'];

function chainOfAll() {
  const chain = new Chain();
  setInferenceRunner(chain.runner('process'));
  setInferenceRunner(chain.runner('hint'), { hint: 'h' });
  const engine = new InferenceEngine({
    runner: chain.runner('engine'),
    models: [
      { id: 'a', source: { type: 'delegated', hint: 'h', runner: chain.runner('model') } },
      { id: 'b', source: { type: 'delegated', hint: 'h' } },
      { id: 'c' },
    ],
  });
  engine.setRunner(chain.runner('engine hint'), { hint: 'h' });
  const options = { runner: chain.runner('call') };
  return { chain, engine, options };
}

describe('the order in which runners are asked', () => {
  test.each(PLACES.map((place, at) => [place, at] as const))(
    'the one of the %s answers when those before it decline',
    async (place, at) => {
      const { chain, engine, options } = chainOfAll();
      chain.answers = place;
      expect((await engine.generate({ model: 'a', prompt: 'hi' }, options)).text).toBe(place);
      expect(chain.asked).toEqual(PLACES.slice(0, at + 1).map((name) => `${name} for a`));
    },
  );

  test('all of them are asked again for each fallback model, those that have to do with it', async () => {
    const { chain, engine, options } = chainOfAll();
    const request = { model: 'a', fallbackModels: ['b', 'c', 'unknown'], prompt: 'hi' };
    await expect(engine.generate(request, options)).rejects.toBeInstanceOf(RunnerDeclinedError);
    expect(chain.asked).toEqual([
      ...PLACES.map((name) => `${name} for a`),
      ...PLACES.filter((name) => name !== 'model').map((name) => `${name} for b`),
      ...['call', 'engine', 'process'].map((name) => `${name} for c`),
      ...['call', 'engine', 'process'].map((name) => `${name} for unknown`),
    ]);
  });

  test('a runner that is in all places is asked once for each model', async () => {
    const chain = new Chain();
    const runner = chain.runner('everywhere');
    setInferenceRunner(runner);
    setInferenceRunner(runner, { hint: 'h' });
    const source = { type: 'delegated', hint: 'h', runner } as const;
    const engine = new InferenceEngine({
      runner,
      models: [
        { id: 'a', source },
        { id: 'b', source },
      ],
    });
    engine.setRunner(runner, { hint: 'h' });
    const request = { model: 'a', fallbackModels: ['b'], prompt: 'hi' };
    await expect(engine.generate(request, { runner })).rejects.toBeInstanceOf(RunnerDeclinedError);
    expect(chain.asked).toEqual(['everywhere for a', 'everywhere for b']);
  });

  test('a failure is not a decline: nobody else is asked', async () => {
    const { chain, engine } = chainOfAll();
    const runner = () => Promise.reject(new Error('broken'));
    await expect(engine.generate({ model: 'a', prompt: 'hi' }, { runner })).rejects.toThrow('broken');
    expect(chain.asked).toEqual([]);
  });
});

describe('an engine with a runner of its own', () => {
  test('needs no models, and no runner of the process', async () => {
    const engine = new InferenceEngine({ runner: says('mine') });
    expect((await engine.generate({ prompt: 'hi' })).text).toBe('mine');
    expect((await engine.generate({ model: 'anything', prompt: 'hi' })).modelUsed).toBe('anything');
    expect(currentInferenceRunner()).toBeNull();
  });

  test('is the only one that asks it', async () => {
    const one = new InferenceEngine({ runner: says('one') });
    const two = new InferenceEngine({ runner: says('two') });
    const other = new InferenceEngine({ models: [{ id: 'm' }] });
    const answers = await Promise.all([one, two, one].map((engine) => engine.generate({ prompt: 'hi' })));
    expect(answers.map((answer) => answer.text)).toEqual(['one', 'two', 'one']);
    await expect(other.generate({ prompt: 'hi' })).rejects.toBeInstanceOf(NoRunnerError);
  });

  test('is not asked for by an engine of another thread', async () => {
    await using thread = new Thread();
    const engine = new InferenceEngine({ runner: says('mine'), models: [{ id: 'gpt-5' }] });
    await thread.ask('open', { request: { model: 'gpt-5', prompt: 'hi' } });
    expect(await thread.ask('collect')).toMatchObject({ error: { code: 'no-runner' } });
    expect((await engine.generate({ prompt: 'hi' })).text).toBe('mine');
  });

  test('asks the process’s runner when its own declines', async () => {
    setInferenceRunner(says('process'));
    const runner = () => Promise.reject(new RunnerDeclinedError('not mine'));
    const engine = new InferenceEngine({ runner });
    expect((await engine.generate({ model: 'm', prompt: 'hi' })).text).toBe('process');
  });

  test('answers calls whose events wait until they are durable', async () => {
    const contexts = new AsyncLocalStorage<string>();
    await using log = await EventLog.open(newPath(), { durability: 'event' });
    const engine = new InferenceEngine({
      eventLog: log,
      runner: async (_request, { emit }) => {
        await emit(text(`${contexts.getStore()}`));
      },
    });
    const answer = await contexts.run('the caller’s', () => engine.generate({ prompt: 'hi' }));
    expect(answer.text).toBe('the caller’s');
    const options = { runner: says('the call’s') };
    expect((await engine.generate({ prompt: 'hi' }, options)).text).toBe('the call’s');
    await engine.close('drain');
  });

  test('may be called by its own runner', async () => {
    const engine: InferenceEngine = new InferenceEngine({
      runner: async ({ prompt }) => {
        if (prompt === 'inner') return { text: 'inner answer' };
        return { text: (await engine.generate({ prompt: 'inner' })).text };
      },
    });
    expect((await engine.generate({ prompt: 'outer' })).text).toBe('inner answer');
    const [inner, outer] = await Array.fromAsync(engine.eventLog.calls());
    expect(inner?.parentTraceId).toBe(outer?.traceId);
  });
});

describe('models that are not registered', () => {
  const seen: Array<{ request: string | undefined; emitter: unknown }> = [];
  const runner: RunnerLike = async (request, { model }) => {
    seen.push({ request: request.model, emitter: model });
    return { text: 'fine' };
  };
  const withRunner: Record<string, (request: GenerateRequest) => Promise<unknown>> = {
    'the engine has a runner': (request) =>
      new InferenceEngine({ runner, models: [{ id: 'known' }] }).generate(request),
    'the call has one': (request) => new InferenceEngine({ models: [{ id: 'known' }] }).generate(request, { runner }),
    'a model has one, and the process': (request) => {
      setInferenceRunner(runner);
      const source = { type: 'delegated', runner: says('not this one') } as const;
      return new InferenceEngine({ models: [{ id: 'known', source }] }).generate(request);
    },
  };

  test.each(Object.entries(withRunner))('are taken by their names when %s', async (_who, generate) => {
    seen.length = 0;
    await generate({ model: 'unknown/x', prompt: 'hi' });
    expect(seen).toEqual([{ request: 'unknown/x', emitter: { id: 'unknown/x', source: { type: 'delegated' } } }]);
  });

  test('need not be named where none is registered: the runner gets none', async () => {
    seen.length = 0;
    const stream = new InferenceEngine({ runner }).generateTrackedStream({ prompt: 'hi' });
    expect(await stream.result()).toMatchObject({ text: 'fine', modelUsed: '' });
    expect(stream.modelUsed).toBe('');
    await new InferenceEngine().generate({ prompt: 'hi', fallbackModels: ['b'] }, { runner });
    expect(seen.map(({ request }) => request)).toEqual([undefined, undefined]);
  });

  test('the only registered model is meant when none is named; of several, one has to be named', async () => {
    seen.length = 0;
    await new InferenceEngine({ runner, models: [{ id: 'only' }] }).generate({ prompt: 'hi' });
    expect(seen[0]?.request).toBe('only');
    const engine = new InferenceEngine({ runner, models: [{ id: 'a' }, { id: 'b' }] });
    const error = await rejection(engine.generate({ prompt: 'hi' }));
    expect(error).toBeInstanceOf(InvalidRequestError);
    expect((error as Error).message).toContain('model: required: one of a, b');
  });

  test('are not found by an engine without a runner of its own', async () => {
    setInferenceRunner(runner);
    const engine = new InferenceEngine({ models: [{ id: 'known' }] });
    const error = await rejection(engine.generate({ model: 'knwon', prompt: 'hi' }));
    expect(error).toBeInstanceOf(ModelNotFoundError);
    expect((error as Error).message).toContain('knwon (registered: known)');
    const none = await rejection(new InferenceEngine().generate({ model: 'gpt-9', prompt: 'hi' }));
    expect(none).toBeInstanceOf(ModelNotFoundError);
    expect((none as Error).message).toMatch(
      /gpt-9 \(registered: none\); register it in .*`models`, or give .* a runner/,
    );
  });

  test('have no runner where only another model or a hint has one: the error says which', async () => {
    const hinted = new InferenceEngine();
    hinted.setRunner(runner, { hint: 'openai' });
    const ofModel = new InferenceEngine({ models: [{ id: 'known', source: { runner } }] });
    for (const [engine, says] of [
      [hinted, /"gpt-9" \(no hint\).*hints with a runner: openai;.*engine\.setRunner/],
      [ofModel, /"gpt-9".*no hint has a runner; the model is not registered \(registered: known\);/],
    ] as const) {
      const error = await rejection(engine.generate({ model: 'gpt-9', prompt: 'hi' }));
      expect(error).toBeInstanceOf(NoRunnerError);
      expect((error as Error).message).toMatch(says);
    }
    setInferenceRunner(runner);
    for (const engine of [hinted, ofModel]) {
      expect((await engine.generate({ model: 'gpt-9', prompt: 'hi' })).text).toBe('fine');
    }
  });

  test.each([
    ['no runner is set', () => {}],
    ['the process has a runner', () => void setInferenceRunner(runner)],
  ])('have to be named or registered where the engine has no runner and %s', async (_when, prepare) => {
    prepare();
    const error = (await rejection(new InferenceEngine().generate({ prompt: 'hi' }))) as InvalidRequestError;
    expect(error).toBeInstanceOf(InvalidRequestError);
    expect(error.problems).toEqual([
      {
        path: 'model',
        message:
          'required: no model is registered; register one and name it here, or give the engine or the call its own runner',
      },
    ]);
  });
});

describe('setRunner', () => {
  test('replaces the runner; calls in flight keep theirs', async () => {
    const open = gate();
    const engine = new InferenceEngine({
      runner: async function* () {
        yield text('old, ');
        await open.promise;
        yield text('still old');
      },
    });
    const stream = engine.generateTrackedStream({ prompt: 'hi' });
    await stream.next();
    engine.setRunner(says('new'));
    expect((await engine.generate({ prompt: 'hi' })).text).toBe('new');
    open.open();
    expect((await stream.result()).text).toBe('old, still old');
  });

  test('clears with null, and a registration only what it set', async () => {
    const engine = new InferenceEngine({ models: [{ id: 'm', source: { type: 'delegated', hint: 'h' } }] });
    const answer = () =>
      engine.generate({ prompt: 'hi' }).then(
        ({ text: said }) => said,
        ({ code }) => code,
      );
    const one = engine.setRunner(says('one'));
    const two = engine.setRunner(says('two'), { hint: 'h' });
    expect(await answer()).toBe('two');
    two.dispose();
    two.dispose();
    expect(await answer()).toBe('one');
    const three = engine.setRunner(says('three'));
    one[Symbol.dispose]();
    expect(await answer()).toBe('three');
    engine.setRunner(null).dispose();
    expect(await answer()).toBe('no-runner');
    three.dispose();
    engine.setRunner(says('four'));
    three.dispose();
    expect(await answer()).toBe('four');
  });
});

describe('models with runners', () => {
  test('need not say that they are delegated', async () => {
    const engine = new InferenceEngine({ models: [{ id: 'a', source: { hint: 'h', runner: says('model’s') } }] });
    expect(engine.models).toMatchObject([{ id: 'a', source: { type: 'delegated', hint: 'h' } }]);
    expect((await engine.generate({ prompt: 'hi' })).text).toBe('model’s');
    engine.registerModel({ id: 'a', source: { type: undefined, runner: says('other') } });
    expect((await engine.generate({ prompt: 'hi' })).text).toBe('other');
  });

  test('keep them in `models`, which another engine takes', async () => {
    const runner = { run: says('model’s') as () => Promise<void>, apiKey: new Map() };
    const engine = new InferenceEngine({
      models: [{ id: 'a', source: { type: 'delegated', hint: 'h', runner } }, { id: 'b' }],
    });
    expect(engine.models).toEqual([
      { id: 'a', source: { type: 'delegated', hint: 'h', runner } },
      { id: 'b', source: { type: 'delegated' } },
    ]);
    const [model] = engine.models as ModelInput[];
    expect(model?.source?.runner).toBe(runner);
    const other = new InferenceEngine({ models: engine.models });
    expect((await other.generate({ model: 'a', prompt: 'hi' })).text).toBe('model’s');
  });

  test('are replaced with their runners', async () => {
    const engine = new InferenceEngine({ runner: says('engine’s') });
    const answer = async () => (await engine.generate({ model: 'a', prompt: 'hi' })).text;
    engine.registerModel({ id: 'a', source: { type: 'delegated', runner: says('first') } });
    expect(await answer()).toBe('first');
    engine.registerModel({ id: 'a', source: { type: 'delegated', runner: says('second') } });
    expect(await answer()).toBe('second');
    engine.registerModel({ id: 'a' });
    expect(await answer()).toBe('engine’s');
    expect(engine.models).toEqual([{ id: 'a', source: { type: 'delegated' } }]);
  });

  test('are not registered when the schema is wrong', () => {
    const engine = new InferenceEngine();
    const source = { type: 'delegated', runner: says('x') } as const;
    expect(() => engine.registerModel({ id: '', source })).toThrow(InvalidRequestError);
    expect(engine.models).toEqual([]);
  });
});

describe('what is no runner', () => {
  class Runner {
    run(): void {}
  }
  const wrong: Array<[string, unknown, RegExp]> = [
    ['a number', 42, /must be an object with a run method/],
    ['null', null, /must be an object with a run method/],
    ['a string', 'openai', /must be an object with a run method.*got a string/],
    ['an object without run', {}, /\.run must be a function, got undefined/],
    ['an object whose run is none', { run: 'fast' }, /\.run must be a function, got a string/],
    ['a class', Runner, /is a class; pass an instance of it/],
  ];

  test.each(wrong)('%s is a TypeError that names its place', async (_what, runner, message) => {
    const given = { runner } as { runner: never };
    const source = { type: 'delegated', ...given } as const;
    const engine = new InferenceEngine({ runner: says('x') });
    const throwing: Array<[RegExp, () => unknown]> = [
      [/^InferenceEngine: runner/, () => new InferenceEngine(given)],
      [
        /^InferenceEngine: models\[1\]\.source\.runner/,
        () => new InferenceEngine({ models: [{ id: 'a' }, { id: 'b', source }] }),
      ],
      [/^registerModel: source\.runner/, () => engine.registerModel({ id: 'a', source })],
    ];
    if (runner !== null) throwing.push([/^setRunner: runner/, () => engine.setRunner(given.runner)]);
    for (const [path, call] of throwing) {
      expect(call).toThrow(TypeError);
      expect(call).toThrow(path);
      expect(call).toThrow(message);
    }
    for (const promise of [
      engine.generate({ prompt: 'hi' }, given),
      engine.generateTrackedStream({ prompt: 'hi' }, given).next(),
      engine.generateTrackedStream({ prompt: 'hi' }, given).started(),
    ]) {
      const error = (await rejection(promise)) as Error;
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toMatch(/^options\.runner/);
      expect(error.message).toMatch(message);
    }
  });

  test('undefined is none at all', async () => {
    setInferenceRunner(says('process’s'));
    const source = { type: 'delegated', runner: undefined } as const;
    const engine = new InferenceEngine({
      runner: undefined,
      models: [
        { id: 'a', source },
        { id: 'b', source: undefined },
      ],
    });
    expect((await engine.generate({ model: 'a', prompt: 'hi' }, { runner: undefined })).text).toBe('process’s');
    expect(() => engine.setRunner(undefined as never)).toThrow(/function or null, got undefined/);
    expect(() => engine.setRunner(null, { hint: '' })).toThrow(/options\.hint must be a non-empty string/);
  });

  test('a getter that throws is named', () => {
    const hostile = {
      get runner(): never {
        throw new Error('no access');
      },
    };
    expect(() => new InferenceEngine(hostile)).toThrow(InvalidRequestError);
    expect(() => new InferenceEngine(hostile)).toThrow(/cannot be read: no access/);
    const model = { id: 'a', source: hostile } as never;
    expect(() => new InferenceEngine({ models: [model] })).toThrow(/cannot be read: no access/);
  });
});

describe('what nobody holds is garbage', () => {
  /** A runner that reaches the engine, as one that calls it does. */
  function reaching(traces: Traces, name: string, reached: { engine?: InferenceEngine }): RunnerLike {
    return traces.follow(name, async () => ({ text: `${reached.engine?.models.length}` }));
  }

  test('an engine whose runners reach it, with all of them', async () => {
    const traces = new Traces();
    await (async () => {
      const reached: { engine?: InferenceEngine } = {};
      const source = { type: 'delegated', runner: reaching(traces, 'model’s', reached) } as const;
      const engine = new InferenceEngine({
        runner: reaching(traces, 'engine’s', reached),
        models: [{ id: 'm', source }],
      });
      reached.engine = traces.follow('engine', engine);
      engine.setRunner(reaching(traces, 'hint’s', reached), { hint: 'h' });
      const options = { runner: reaching(traces, 'call’s', reached) };
      expect((await engine.generate({ model: 'm', prompt: 'hi' }, options)).text).toBe('1');
      expect((await engine.generate({ model: 'm', prompt: 'hi' })).text).toBe('1');
    })();
    await collectUntil(
      () => traces.left.length === 0,
      () => traces.left,
    );
  });

  test('a runner that was replaced, and one of a call that is over', async () => {
    const traces = new Traces();
    const engine = new InferenceEngine();
    await (async () => {
      const reached = { engine };
      engine.setRunner(reaching(traces, 'replaced', reached));
      engine.registerModel({ id: 'm', source: { type: 'delegated', runner: reaching(traces, 'model’s', reached) } });
      await engine.generate({ prompt: 'hi' }, { runner: reaching(traces, 'call’s', reached) });
      await engine.generate({ model: 'm', prompt: 'hi' });
      engine.registerModel({ id: 'm' });
      engine.setRunner(null);
    })();
    await collectUntil(
      () => traces.left.length === 0,
      () => traces.left,
    );
    expect(engine.models).toHaveLength(1);
  });
});
