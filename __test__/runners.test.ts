import {
  currentInferenceRunner,
  type EventEmitter,
  NoRunnerError,
  RunnerDeclinedError,
  RunnerFailedError,
  type RunnerLike,
  setInferenceRunner,
} from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { collect, eventsOf, loggedEvents, recordOf, rejection, textOf } from './support/collect';
import { MODEL, newEngine, REQUEST } from './support/engine';
import { gate } from './support/gate';
import { done, ScriptedRunner, text } from './support/scripted-runner';

afterEach(() => {
  setInferenceRunner(null);
  for (const hint of ['openai', 'other']) setInferenceRunner(null, { hint });
});

describe('what a runner may be', () => {
  class Greeter {
    readonly #word = 'hello';
    async run(_request: unknown, emitter: EventEmitter) {
      await emitter.emit(text(this.#word));
    }
  }
  const shapes: Record<string, RunnerLike> = {
    'an object with run, called as its method': new Greeter(),
    'an async function': async (_request, emitter) => {
      await emitter.emit(text('hel'));
      await emitter.emit(text('lo'));
    },
    'a plain function that emits and returns': (_request, emitter) => {
      emitter.emit(text('hello'));
    },
    'an async generator function': async function* () {
      yield text('hel');
      yield text('lo');
    },
    'an object whose run is an async generator': {
      async *run() {
        yield text('hello');
      },
    },
    'a function that returns an async iterable': () => ({
      [Symbol.asyncIterator]() {
        const words = ['hel', 'lo'];
        return {
          next: async () => {
            const word = words.shift();
            return word === undefined ? { done: true, value: undefined } : { done: false, value: text(word) };
          },
        };
      },
    }),
    'an async function that resolves to an async iterable': (async () =>
      (async function* () {
        yield text('hello');
      })()) as unknown as RunnerLike,
  };
  test.each(Object.entries(shapes))('%s serves a call', async (_name, runner) => {
    setInferenceRunner(runner);
    const events = await eventsOf(newEngine().generateTrackedStream(REQUEST));
    expect(textOf(events)).toBe('hello');
    expect(events.at(-1)).toEqual(done('hello'));
  });

  test('the value that a generator returns is its result', async () => {
    setInferenceRunner(async function* () {
      yield { type: 'usage', inputTokens: 3 };
      return { text: 'from the result', toolCalls: [{ name: 'search', arguments: { q: 1 } }] };
    });
    const { text: answer, toolCalls } = await newEngine().generate(REQUEST);
    expect(answer).toBe('from the result');
    expect(toolCalls).toEqual([{ name: 'search', arguments: { q: 1 } }]);
  });

  const wrong: Array<[string, unknown, RegExp]> = [
    ['undefined', undefined, /runner must be an object with a run method.*got undefined/],
    ['a string', 'openai', /got a string/],
    ['a number', 5, /got a number/],
    ['an object without run', {}, /runner\.run must be a function, got undefined/],
    ['an object whose run is no function', { run: 'x' }, /runner\.run must be a function, got a string/],
    ['a class instead of an instance', class Foo {}, /is a class; pass an instance/],
  ];
  test.each(wrong)('%s is refused with a TypeError', (_name, runner, message) => {
    expect(() => setInferenceRunner(runner as RunnerLike)).toThrow(TypeError);
    expect(() => setInferenceRunner(runner as RunnerLike)).toThrow(message);
    expect(currentInferenceRunner()).toBeNull();
  });

  const wrongOptions: Array<[string, unknown, RegExp]> = [
    ['null', null, /options must be an object, got null/],
    ['a string', 'openai', /options must be an object, got a string/],
    ['an empty hint', { hint: '' }, /options\.hint must be a non-empty string/],
    ['a hint that is a number', { hint: 1 }, /options\.hint must be a non-empty string, got a number/],
  ];
  test.each(wrongOptions)('%s as options is refused with a TypeError', (_name, options, message) => {
    expect(() => setInferenceRunner(() => {}, options as never)).toThrow(message);
    expect(() => currentInferenceRunner(options as never)).toThrow(TypeError);
  });
});

describe('what is no iterator', () => {
  const table: Array<[string, unknown, string]> = [
    ['a number', { [Symbol.asyncIterator]: () => 5 }, '[Symbol.asyncIterator]() must return an iterator'],
    ['null', { [Symbol.iterator]: () => null }, '[Symbol.iterator]() must return an iterator'],
    ['an object without next', { [Symbol.asyncIterator]: () => ({}) }, 'an object whose next is undefined'],
    ['an object whose next is no function', { [Symbol.asyncIterator]: () => ({ next: 5 }) }, 'next is a number'],
  ];
  test.each(table)('%s from the iterator method fails the call with a TypeError', async (_name, returned, message) => {
    setInferenceRunner((() => returned) as RunnerLike);
    const error = await rejection(newEngine().generate(REQUEST));
    expect(error).toBeInstanceOf(RunnerFailedError);
    const { cause } = error as RunnerFailedError;
    expect(cause).toBeInstanceOf(TypeError);
    expect((cause as TypeError).message).toContain(message);
  });
});

describe('what a runner is told', () => {
  test('the emitter carries the facts of the call, also destructured', async () => {
    let facts: Record<string, unknown> = {};
    setInferenceRunner(
      async (_request, { emit, signal, isClosed, cancelled, traceId, model, hint, attempt, deadline, clientRef }) => {
        facts = { isClosed, traceId, model, hint, attempt, clientRef, hasDeadline: typeof deadline === 'number' };
        expect(signal).toBeInstanceOf(AbortSignal);
        expect(cancelled).toBeTypeOf('function');
        expect(await emit(text('ok'))).toBe('delivered');
      },
    );
    const stream = newEngine({ timeouts: { totalMs: 60_000 } }).generateTrackedStream({
      ...REQUEST,
      clientRef: 'order 7',
    });
    await eventsOf(stream);
    expect(facts).toEqual({
      isClosed: false,
      traceId: stream.traceId,
      model: MODEL,
      hint: 'openai',
      attempt: 1,
      clientRef: 'order 7',
      hasDeadline: true,
    });
  });

  test('facts that do not exist are undefined', async () => {
    let facts: unknown[] = ['never set'];
    setInferenceRunner(async function* (_request, { hint, deadline, clientRef }) {
      facts = [hint, deadline, clientRef];
      yield text('x');
    });
    const engine = newEngine({
      models: [{ id: 'plain', source: { type: 'delegated' } }],
      timeouts: { totalMs: null },
    });
    await engine.generate({ prompt: 'hi' });
    expect(facts).toEqual([undefined, undefined, undefined]);
  });

  test('changing the request after the call was made changes nothing for the runner', async () => {
    const runner = new ScriptedRunner({ events: [text('x')] });
    setInferenceRunner(runner);
    const request = { ...REQUEST, messages: [{ role: 'user' as const, content: 'first' }] };
    const stream = newEngine().generateTrackedStream(request);
    (request.messages[0] as { content: string }).content = 'second';
    await eventsOf(stream);
    expect(runner.runs[0]?.request.messages).toEqual([{ role: 'user', content: 'first' }]);
  });

  test("a runner's changes to the request reach neither the caller nor the next attempt nor the log", async () => {
    const prompts: unknown[] = [];
    setInferenceRunner(async (request) => {
      prompts.push(request.prompt);
      request.prompt = 'changed';
      throw new Error('again');
    });
    const engine = newEngine({ retry: { attemptsMax: 2, backoffMs: 0 } });
    const request = { ...REQUEST };
    const stream = engine.generateTrackedStream(request);
    await collect(stream);
    expect(prompts).toEqual(['hi', 'hi']);
    expect(request.prompt).toBe('hi');
    expect((await recordOf(engine, stream)).request.prompt).toBe('hi');
  });

  test('an event object that the runner uses again does not change what was delivered or logged', async () => {
    const shared = { type: 'custom' as const, name: 'step', data: { n: 0 } };
    setInferenceRunner(async (_request, { emit }) => {
      for (let n = 1; n <= 3; n += 1) {
        shared.data.n = n;
        await emit(shared);
      }
    });
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST);
    const seen: unknown[] = [];
    for await (const event of stream) {
      if (event.type !== 'custom') continue;
      seen.push(event.data);
      (event.data as { n: number }).n += 100;
    }
    expect(seen).toEqual([{ n: 101 }, { n: 102 }, { n: 103 }]);
    expect(shared.data.n).toBe(3);
    const logged = await Array.fromAsync(engine.eventLog.events(stream.traceId), ({ event }) => event);
    expect(logged.slice(0, 3)).toMatchObject([{ data: { n: 1 } }, { data: { n: 2 } }, { data: { n: 3 } }]);
  });

  test('the request names the model that the attempt is for, also when the caller left it out', async () => {
    const runner = new ScriptedRunner({ events: [text('x')] });
    setInferenceRunner(runner);
    await newEngine().generate({ prompt: 'hi' });
    expect(runner.runs[0]?.request.model).toBe('gpt-5');
  });
});

describe('the slot', () => {
  test('holds the very object that was registered, until it is cleared', () => {
    const runner = new ScriptedRunner();
    expect(currentInferenceRunner()).toBeNull();
    setInferenceRunner(runner);
    expect(currentInferenceRunner()).toBe(runner);
    setInferenceRunner(null);
    expect(currentInferenceRunner()).toBeNull();
  });

  test("a hint's slot is its own", () => {
    const runner = new ScriptedRunner();
    setInferenceRunner(runner, { hint: 'openai' });
    expect(currentInferenceRunner({ hint: 'openai' })).toBe(runner);
    expect(currentInferenceRunner({ hint: 'other' })).toBeNull();
    expect(currentInferenceRunner()).toBeNull();
  });

  test('an empty slot fails the call with NoRunnerError', async () => {
    const error = await rejection(newEngine().generate(REQUEST));
    expect(error).toBeInstanceOf(NoRunnerError);
    expect((error as Error).message).toContain('gpt-5');
  });

  test('disposing of a registration clears its slot, and may be repeated', async () => {
    const registration = setInferenceRunner(new ScriptedRunner());
    registration.dispose();
    registration.dispose();
    expect(currentInferenceRunner()).toBeNull();
    await expect(newEngine().generate(REQUEST)).rejects.toBeInstanceOf(NoRunnerError);
  });

  test('a registration in a using block ends with the block', () => {
    {
      using _registration = setInferenceRunner(new ScriptedRunner(), { hint: 'openai' });
      expect(currentInferenceRunner({ hint: 'openai' })).not.toBeNull();
    }
    expect(currentInferenceRunner({ hint: 'openai' })).toBeNull();
  });

  test('a registration that was replaced clears nothing', () => {
    const [first, second] = [new ScriptedRunner(), new ScriptedRunner()];
    const old = setInferenceRunner(first);
    const current = setInferenceRunner(second);
    old.dispose();
    expect(currentInferenceRunner()).toBe(second);
    current.dispose();
    expect(currentInferenceRunner()).toBeNull();
  });

  test('the same object registered twice is cleared by its last registration only', () => {
    const runner = new ScriptedRunner();
    const old = setInferenceRunner(runner);
    setInferenceRunner(runner);
    old.dispose();
    expect(currentInferenceRunner()).toBe(runner);
  });

  test('a call in flight keeps the runner it started with', async () => {
    const go = gate();
    setInferenceRunner(async (_request, { emit }) => {
      await emit(text('old'));
      await go.promise;
      await emit(text(' still'));
    });
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST);
    expect((await stream.next()).value).toEqual(text('old'));
    setInferenceRunner(new ScriptedRunner({ events: [text('new')] }));
    go.open();
    expect((await stream.result()).text).toBe('old still');
    expect((await engine.generate(REQUEST)).text).toBe('new');
  });

  test('a call in flight goes on when the slot is cleared', async () => {
    const go = gate();
    const registration = setInferenceRunner(async function* () {
      yield text('a');
      await go.promise;
      yield text('b');
    });
    const stream = newEngine().generateTrackedStream(REQUEST);
    await stream.next();
    registration.dispose();
    go.open();
    expect((await stream.result()).text).toBe('ab');
  });
});

describe('which runner serves a call', () => {
  const declines = () => new ScriptedRunner({ fails: new RunnerDeclinedError('not mine') });

  test("the hint's runner comes before the slot", async () => {
    setInferenceRunner(new ScriptedRunner({ events: [text('slot')] }));
    setInferenceRunner(new ScriptedRunner({ events: [text('hint')] }), { hint: 'openai' });
    expect((await newEngine().generate(REQUEST)).text).toBe('hint');
  });

  test('a declined call falls through from the hint to the slot to the fallback models, each attempt recorded', async () => {
    const [hinted, slot] = [declines(), declines()];
    const other = new ScriptedRunner({ events: [text('from the fallback')] });
    setInferenceRunner(hinted, { hint: 'openai' });
    setInferenceRunner(slot);
    setInferenceRunner(other, { hint: 'other' });
    const engine = newEngine({ models: [MODEL, { id: 'spare', source: { type: 'delegated', hint: 'other' } }] });
    const stream = engine.generateTrackedStream({ ...REQUEST, fallbackModels: ['spare'] });
    expect(textOf(await eventsOf(stream))).toBe('from the fallback');
    expect(stream.modelUsed).toBe('spare');
    expect((await stream.result()).modelUsed).toBe('spare');
    expect([hinted, slot, other].map(({ runs }) => runs.map(({ emitter }) => emitter.attempt))).toEqual([
      [1],
      [2],
      [3],
    ]);
    expect(other.runs[0]?.emitter.model.id).toBe('spare');
    expect(other.runs[0]?.request.model).toBe('spare');
    const { attempts } = await recordOf(engine, stream);
    const numbers = [...new Set(attempts.map(({ attempt, model }) => `${attempt} ${model}`))];
    expect(numbers).toEqual(['1 gpt-5', '2 gpt-5', '3 spare']);
  });

  test('when all decline the call fails with the last RunnerDeclinedError, its cause the very object thrown', async () => {
    const refusal = new RunnerDeclinedError('no key', { status: 401 });
    setInferenceRunner(new ScriptedRunner({ fails: refusal }));
    const error = await rejection(newEngine().generate(REQUEST));
    expect(error).toBeInstanceOf(RunnerDeclinedError);
    expect(error).toMatchObject({ code: 'runner-declined', status: 401 });
    expect((error as Error).cause).toBe(refusal);
  });

  test.each([0, 1])(
    'whoever was given something of a failed attempt hears of the next one: after %d ms',
    async (wait) => {
      let attempts = 0;
      setInferenceRunner(async function* () {
        attempts += 1;
        yield { type: 'usage', inputTokens: attempts };
        if (attempts === 1) throw new Error('again');
        yield text('a');
      });
      const engine = newEngine({ retry: { attemptsMax: 2, backoffMs: wait } });
      const stream = engine.generateTrackedStream(REQUEST);
      const events = await eventsOf(stream);
      expect(events.map(({ type }) => type)).toEqual(['usage', 'warning', 'usage', 'text-delta', 'done']);
      expect(events[1]).toMatchObject({ code: 'retried' });
      expect(await loggedEvents(engine, stream)).toEqual(events);
    },
  );

  test('declining after content was delivered ends the call: nothing is retracted', async () => {
    const slot = new ScriptedRunner({ events: [text('other')] });
    setInferenceRunner(slot);
    setInferenceRunner(
      new ScriptedRunner({ events: [text('half an answer')], fails: new RunnerDeclinedError('too late') }),
      { hint: 'openai' },
    );
    const { events, error } = await collect(newEngine().generateTrackedStream(REQUEST));
    expect(events).toEqual([text('half an answer')]);
    expect(error).toBeInstanceOf(RunnerDeclinedError);
    expect(slot.runs).toHaveLength(0);
  });

  test('a failure does not fall through', async () => {
    const slot = new ScriptedRunner({ events: [text('other')] });
    setInferenceRunner(slot);
    setInferenceRunner(new ScriptedRunner({ fails: new Error('broken') }), { hint: 'openai' });
    await expect(newEngine().generate(REQUEST)).rejects.toBeInstanceOf(RunnerFailedError);
    expect(slot.runs).toHaveLength(0);
  });

  test('an unknown fallback model is an error before any runner is called', async () => {
    const runner = new ScriptedRunner();
    setInferenceRunner(runner);
    await expect(newEngine().generate({ ...REQUEST, fallbackModels: ['nope'] })).rejects.toMatchObject({
      code: 'model-not-found',
    });
    expect(runner.runs).toHaveLength(0);
  });
});
