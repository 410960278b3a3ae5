// Code of the host that runs inside a call, and uses the package from there.
import {
  type EventEmitter,
  type GenerateRequest,
  type InferenceEngine,
  LimitExceededError,
  type RunnerLike,
  type StreamEvent,
  StreamLockedError,
  setInferenceRunner,
} from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { nodes, run, saidBy } from './support/child-process';
import { collect, eventsOf, recordOf, rejection, textOf } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { gate, turn } from './support/gate';
import { aborted, bothWays, done, ScriptedRunner, text } from './support/scripted-runner';
import { Thread } from './support/thread';

afterEach(() => setInferenceRunner(null).dispose());

const LETTERS = ['a', 'b', 'c'].map(text);
const SHAPES = Object.entries(bothWays(LETTERS));

/** Runs it once, the first time it is called. */
function once(run: () => void): () => void {
  let hasRun = false;
  return () => {
    if (hasRun) return;
    hasRun = true;
    run();
  };
}

test('an event may be emitted inside the body of the consumer’s loop', async () => {
  let emit: EventEmitter['emit'] | undefined;
  const finish = gate();
  setInferenceRunner(async (_request, emitter) => {
    emit = emitter.emit;
    emit(text('0'));
    await finish.promise;
  });
  const stream = newEngine().generateTrackedStream(REQUEST);
  const seen: StreamEvent[] = [];
  for await (const event of stream) {
    seen.push(event);
    if (seen.length < 4) expect(emit?.(text(`${seen.length}`))).toBe('delivered');
    else finish.open();
  }
  expect(seen).toEqual([...['0', '1', '2', '3'].map(text), done('0123')]);
});

describe.each(SHAPES)('%s', (_name, runner) => {
  test('is replaced while it runs: this call keeps it, the next one has the other', async () => {
    const replace = once(() => setInferenceRunner(new ScriptedRunner({ events: [text('other')] })));
    const wrapped = (request: GenerateRequest, emitter: EventEmitter) => {
      replace();
      return (runner as (...args: unknown[]) => unknown)(request, emitter);
    };
    setInferenceRunner(wrapped as RunnerLike);
    const engine = newEngine();
    expect((await engine.generate(REQUEST)).text).toBe('abc');
    expect((await engine.generate(REQUEST)).text).toBe('other');
  });

  test('is removed while it runs: this call keeps it, the next one has none', async () => {
    setInferenceRunner(runner);
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST);
    await stream.next();
    setInferenceRunner(null);
    expect(textOf(await eventsOf(stream))).toBe('bc');
    await expect(engine.generate(REQUEST)).rejects.toMatchObject({ code: 'no-runner' });
  });

  test('many next() at once, of two calls, are answered in order', async () => {
    setInferenceRunner(runner);
    const engine = newEngine();
    const streams = [engine.generateTrackedStream(REQUEST), engine.generateTrackedStream(REQUEST)];
    const pulls = Array.from({ length: 5 }, () => streams.map((stream) => stream.next())).flat();
    const values = (await Promise.all(pulls)).map(({ value }) => value);
    expect(values).toEqual([...LETTERS, done('abc'), undefined].flatMap((value) => [value, value]));
  });

  test.each(['cancel', 'drain'] as const)(
    'close(%j) inside the loop: refuses what is new, ends what there is',
    async (mode) => {
      setInferenceRunner(runner);
      const engine = newEngine();
      const stream = engine.generateTrackedStream(REQUEST);
      let closing: Promise<void> | undefined;
      const seen: StreamEvent[] = [];
      const loop = async () => {
        for await (const event of stream) {
          seen.push(event);
          closing ??= engine.close(mode);
          await expect(engine.generate(REQUEST)).rejects.toMatchObject({ code: 'engine-closed' });
        }
      };
      // A runner that pushes into room has emitted all it has by then, and its answer is complete.
      const outcome = await loop().then(
        () => 'done',
        (error) => error.code,
      );
      await closing;
      if (mode === 'drain') expect(outcome).toBe('done');
      expect(outcome === 'done' ? seen.at(-1) : outcome).toEqual(outcome === 'done' ? done('abc') : 'cancelled');
      expect((await recordOf(engine, stream)).status).toBe(outcome === 'done' ? 'done' : 'cancelled');
    },
  );
});

describe('a runner that stops while it is at work', () => {
  const hanging: Record<string, (events: (emitter: EventEmitter) => void) => RunnerLike> = {
    emitter: (note) => async (_request, emitter) => {
      await emitter.emit(text('a'));
      note(emitter);
      await aborted(emitter.signal);
    },
    generator: (note) =>
      async function* (_request, emitter) {
        yield text('a');
        note(emitter);
        await aborted(emitter.signal);
        yield text('too late');
      },
  };

  test.each(Object.keys(hanging))(
    '%s: return() while a next() is pending ends that pull, and the runner',
    async (way) => {
      const atWork = gate<EventEmitter>();
      setInferenceRunner(hanging[way]?.(atWork.open) as RunnerLike);
      const engine = newEngine();
      const stream = engine.generateTrackedStream(REQUEST);
      await stream.next();
      const pending = stream.next();
      const emitter = await atWork.promise;
      const { signal } = emitter;
      expect(await stream.return()).toEqual({ done: true, value: undefined });
      expect(await pending).toEqual({ done: true, value: undefined });
      expect(signal.aborted).toBe(true);
      expect((await recordOf(engine, stream)).status).toBe('cancelled');
    },
  );

  test.each(Object.keys(hanging))(
    '%s: throw() while a next() is pending ends that pull, and rejects itself',
    async (way) => {
      const atWork = gate<EventEmitter>();
      setInferenceRunner(hanging[way]?.(atWork.open) as RunnerLike);
      const stream = newEngine().generateTrackedStream(REQUEST);
      await stream.next();
      const pending = [stream.next(), stream.next()];
      await atWork.promise;
      const mine = new Error('mine');
      expect(await rejection(stream.throw(mine))).toBe(mine);
      expect(await Promise.all(pending)).toEqual(pending.map(() => ({ done: true, value: undefined })));
    },
  );

  test.each(Object.keys(hanging))(
    '%s: return() and throw() while a next() of another thread’s runner is pending',
    async (way) => {
      await using thread = new Thread();
      await thread.ask('register', { way, events: [text('a')], hangs: true });
      for (const leave of ['return', 'throw'] as const) {
        const stream = newEngine().generateTrackedStream(REQUEST);
        await stream.next();
        const pending = stream.next();
        if (leave === 'return') await stream.return();
        else await expect(stream.throw(new Error('mine'))).rejects.toThrow('mine');
        expect(await pending).toEqual({ done: true, value: undefined });
      }
    },
  );

  test.each(Object.keys(hanging))('%s: the engine is closed from inside the runner', async (way) => {
    const engine = newEngine();
    const closed: Array<Promise<void>> = [];
    setInferenceRunner(hanging[way]?.(() => closed.push(engine.close('cancel'))) as RunnerLike);
    const stream = engine.generateTrackedStream(REQUEST);
    const { events, error } = await collect(stream);
    expect(events).toEqual([text('a')]);
    expect(error).toMatchObject({ code: 'cancelled', text: 'a' });
    await Promise.all(closed);
  });

  test.each(Object.keys(hanging))('%s: the engine is closed from a listener of its signal', async (way) => {
    const engine = newEngine();
    const closed = gate<Promise<void>>();
    const atWork = gate();
    setInferenceRunner(
      hanging[way]?.(({ signal }) => {
        signal.addEventListener('abort', () => closed.open(engine.close('cancel')));
        atWork.open();
      }) as RunnerLike,
    );
    const stream = engine.generateTrackedStream(REQUEST);
    const loop = collect(stream);
    await atWork.promise;
    await stream.cancel('enough');
    await closed.promise.then((closing) => closing);
    expect((await loop).error).toMatchObject({ code: 'cancelled', cause: 'enough' });
  });
});

describe('a runner that calls the engine', () => {
  const MODELS = ['outer', 'inner'].map((id) => ({ id, source: { type: 'delegated', hint: id } as const }));
  const nesting: Record<string, (engine: () => InferenceEngine) => RunnerLike> = {
    'an emitter runner': (engine) => async (request, emitter) => {
      await turn();
      for await (const event of engine().generateTrackedStream({ ...request, model: 'inner' })) {
        if (event.type !== 'done') await emitter.emit(event);
      }
    },
    'a generator runner': (engine) =>
      async function* (request) {
        await turn();
        yield* engine().generateTrackedStream({ ...request, model: 'inner' });
      },
  };

  test.each(Object.entries(nesting))(
    '%s passes on what another model says, and the log knows whose call that was',
    async (_name, runner) => {
      const engine = newEngine({ models: MODELS });
      const registrations = [
        setInferenceRunner(new ScriptedRunner({ events: LETTERS }), { hint: 'inner' }),
        setInferenceRunner(
          runner(() => engine),
          { hint: 'outer' },
        ),
      ];
      const stream = engine.generateTrackedStream({ model: 'outer', prompt: 'hi' });
      expect(await eventsOf(stream)).toEqual([...LETTERS, done('abc')]);
      const records = await Array.fromAsync(engine.eventLog.calls());
      const inner = records.find(({ model }) => model === 'inner');
      expect(inner?.parentTraceId).toBe(stream.traceId);
      expect((await recordOf(engine, stream)).parentTraceId).toBeUndefined();
      for (const registration of registrations) registration.dispose();
    },
  );

  test('the request’s own parent wins', async () => {
    const engine = newEngine({ models: MODELS });
    const inner = setInferenceRunner(new ScriptedRunner(), { hint: 'inner' });
    setInferenceRunner(async () => {
      await engine.generate({ model: 'inner', prompt: 'hi', parentTraceId: 'mine' });
    });
    await engine.generate({ model: 'outer', prompt: 'hi' });
    const records = await Array.fromAsync(engine.eventLog.calls());
    expect(records.find(({ model }) => model === 'inner')?.parentTraceId).toBe('mine');
    inner.dispose();
  });

  test('cancelling the outer call cancels the inner one that its loop reads', async () => {
    const engine = newEngine({ models: MODELS });
    const innerStopped = gate();
    const inner = setInferenceRunner(
      async (_request, emitter) => {
        await emitter.emit(text('a'));
        await aborted(emitter.signal);
        innerStopped.open();
      },
      { hint: 'inner' },
    );
    setInferenceRunner(async function* (_request, { signal }) {
      yield* engine.generateTrackedStream({ model: 'inner', prompt: 'hi' }, { signal });
    });
    const stream = engine.generateTrackedStream({ model: 'outer', prompt: 'hi' });
    await stream.next();
    const pending = stream.next();
    await stream.cancel();
    await innerStopped.promise;
    await expect(pending).rejects.toMatchObject({ code: 'cancelled' });
    inner.dispose();
  });

  const endless: Record<string, (engine: () => InferenceEngine, calls: () => void) => RunnerLike> = {
    'an emitter runner, at once': (engine, calls) => async (request) => {
      calls();
      return await engine().generate(request);
    },
    'an emitter runner, after an await': (engine, calls) => async (request) => {
      calls();
      await turn();
      return await engine().generate(request);
    },
    'a generator runner, by its first pull': (engine, calls) =>
      async function* (request) {
        calls();
        yield* engine().generateTrackedStream(request);
      },
    'a generator runner, between events': (engine, calls) =>
      async function* (request) {
        yield text('a');
        calls();
        await turn();
        yield* engine().generateTrackedStream(request);
      },
  };

  /** The error at the bottom of a chain of runners that each threw what the call inside had thrown. */
  function innermost(error: unknown): unknown {
    let at = error;
    while ((at as Error).cause !== undefined) at = (at as Error).cause;
    return at;
  }

  test.each(Object.entries(endless))('%s: without end, a typed error says what to do', async (_name, runner) => {
    let calls = 0;
    const engine = newEngine();
    setInferenceRunner(
      runner(
        () => engine,
        () => {
          calls += 1;
        },
      ),
    );
    const error = await rejection(engine.generate(REQUEST));
    expect(innermost(error)).toBeInstanceOf(LimitExceededError);
    expect(innermost(error)).toMatchObject({
      code: 'limit-exceeded',
      limit: 'nestedCallsMax',
      max: 32,
      retryable: false,
    });
    expect((innermost(error) as Error).message).toMatch(/limits\.nestedCallsMax/);
    // The first one, and the 32 inside it.
    expect(calls).toBe(33);
  });

  test('the bound is an option of the engine, and of a call', async () => {
    let calls = 0;
    const engine = newEngine({ limits: { nestedCallsMax: 3 } });
    setInferenceRunner(async (request) => {
      calls += 1;
      await turn();
      await engine.generate(request, calls > 6 ? { limits: { nestedCallsMax: 1 } } : {});
    });
    expect(innermost(await rejection(engine.generate(REQUEST)))).toMatchObject({ max: 3 });
    expect(calls).toBe(4);
    calls = 6;
    expect(innermost(await rejection(engine.generate(REQUEST)))).toMatchObject({ max: 1 });
    expect(calls).toBe(8);
    await expect(async () => newEngine({ limits: { nestedCallsMax: 0 } })).rejects.toMatchObject({
      code: 'invalid-request',
    });
  });

  test('calls beside and after each other are not inside each other', async () => {
    const engine = newEngine({ models: MODELS, limits: { nestedCallsMax: 1 } });
    const inner = setInferenceRunner(new ScriptedRunner({ events: [text('a')] }), { hint: 'inner' });
    setInferenceRunner(async () => {
      const call = () => engine.generate({ model: 'inner', prompt: 'hi' });
      await Promise.all(Array.from({ length: 40 }, call));
      for (let calls = 0; calls < 40; calls += 1) await call();
    });
    await engine.generate({ model: 'outer', prompt: 'hi' });
    inner.dispose();
  });

  test('a chain in which each runner begins the next call and does not wait for it may go on for ever', async () => {
    const engine = newEngine({ limits: { nestedCallsMax: 2 } });
    const reached = gate();
    const failures: unknown[] = [];
    let calls = 0;
    setInferenceRunner(async (request) => {
      calls += 1;
      if (calls === 200) {
        reached.open();
        return;
      }
      // Begun while this call is in flight, and in flight after it.
      await turn();
      engine.generate(request).catch((error) => {
        failures.push(error);
        reached.open();
      });
    });
    await engine.generate(REQUEST);
    await reached.promise;
    await engine.close();
    expect(failures).toEqual([]);
  });
});

describe('two readers of one stream', () => {
  const readers: Record<string, (stream: ReturnType<InferenceEngine['generateTrackedStream']>) => Promise<unknown>> = {
    'a loop': (stream) => eventsOf(stream),
    textStream: (stream) => Array.fromAsync(stream.textStream),
    'a readable': async (stream) => Array.fromAsync(stream.toReadableStream() as never as AsyncIterable<StreamEvent>),
  };
  const pairs = Object.keys(readers).flatMap((first) => Object.keys(readers).map((second) => [first, second] as const));

  test.each(pairs)(
    '%s, and %s beside it: a typed error for the second, nothing for the first',
    async (first, second) => {
      setInferenceRunner(async function* () {
        for (const letter of LETTERS) {
          await turn();
          yield letter;
        }
      });
      const stream = newEngine().generateTrackedStream(REQUEST);
      const reading = readers[first]?.(stream);
      const error = (await rejection(readers[second]?.(stream) as Promise<unknown>)) as StreamLockedError;
      expect(error).toBeInstanceOf(StreamLockedError);
      expect(error).toMatchObject({ code: 'stream-locked', retryable: false });
      expect(error.message).toMatch(/result\(\)/);
      expect(await reading).toEqual(first === 'textStream' ? ['a', 'b', 'c'] : [...LETTERS, done('abc')]);
    },
  );

  test.each(SHAPES)(
    '%s: a loop inside the body of a loop throws there, and the outer one goes on',
    async (_name, runner) => {
      setInferenceRunner(runner);
      const stream = newEngine().generateTrackedStream(REQUEST);
      const seen: StreamEvent[] = [];
      for await (const event of stream) {
        seen.push(event);
        if (event.type !== 'done') expect(await rejection(eventsOf(stream))).toBeInstanceOf(StreamLockedError);
      }
      expect(seen).toEqual([...LETTERS, done('abc')]);
    },
  );

  test('of another thread’s runner, too', async () => {
    await using thread = new Thread();
    await thread.ask('register', { events: LETTERS });
    const stream = newEngine().generateTrackedStream(REQUEST);
    const reading = eventsOf(stream);
    expect(() => stream[Symbol.asyncIterator]()).toThrow(StreamLockedError);
    expect(await reading).toEqual([...LETTERS, done('abc')]);
  });

  test('one loop after pulls by hand gets the rest', async () => {
    setInferenceRunner(bothWays(LETTERS)['a generator runner']);
    const stream = newEngine().generateTrackedStream(REQUEST);
    expect((await stream.next()).value).toEqual(text('a'));
    expect(await eventsOf(stream)).toEqual([text('b'), text('c'), done('abc')]);
  });

  test('a loop goes on with an iterator that was pulled by hand', async () => {
    setInferenceRunner(bothWays(LETTERS)['a generator runner']);
    const iterator = newEngine().generateTrackedStream(REQUEST)[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toEqual(text('a'));
    expect(await eventsOf(iterator)).toEqual([text('b'), text('c'), done('abc')]);
  });

  test('pulls by hand beside a loop take their share, and are no error', async () => {
    setInferenceRunner(bothWays(LETTERS)['a generator runner']);
    const stream = newEngine().generateTrackedStream(REQUEST);
    const seen: StreamEvent[] = [];
    for await (const event of stream) {
      seen.push(event);
      if (seen.length === 1) expect((await stream.next()).value).toEqual(text('b'));
    }
    expect(seen).toEqual([text('a'), text('c'), done('abc')]);
  });

  test('once the first has read it all, another loop is refused; once it has left, another is over at once', async () => {
    const engine = newEngine();
    setInferenceRunner(
      new ScriptedRunner({ events: LETTERS }, { events: LETTERS }, { events: LETTERS, fails: new Error('no') }),
    );
    const finished = engine.generateTrackedStream(REQUEST);
    await eventsOf(finished);
    const left = engine.generateTrackedStream(REQUEST);
    for await (const _event of left) break;
    const failed = engine.generateTrackedStream(REQUEST);
    expect((await collect(failed)).failed).toBe(true);
    const leaving = engine.generateTrackedStream(REQUEST);
    await leaving[Symbol.asyncIterator]().next();
    leaving.return();
    for (const stream of [finished, failed]) {
      expect(() => stream[Symbol.asyncIterator]()).toThrow(expect.objectContaining({ code: 'stream-locked' }));
    }
    for (const stream of [left, leaving]) expect(await eventsOf(stream)).toEqual([]);
  });

  test('a stream that is being left, or is detached, ends another loop at once', async () => {
    const finish = gate();
    setInferenceRunner(async (_request, emitter) => {
      await emitter.emit(text('a'));
      await finish.promise;
    });
    const engine = newEngine();
    const [left, detached] = [engine.generateTrackedStream(REQUEST), engine.generateTrackedStream(REQUEST)];
    for (const stream of [left, detached]) await stream[Symbol.asyncIterator]().next();
    const leaving = left.return();
    detached.detach();
    for (const stream of [left, detached]) expect(await eventsOf(stream)).toEqual([]);
    finish.open();
    await leaving;
    expect((await detached.result()).text).toBe('a');
  });

  test('result() is no reader', async () => {
    setInferenceRunner(bothWays(LETTERS)['an emitter runner']);
    const stream = newEngine().generateTrackedStream(REQUEST);
    const [events, { text: whole }] = await Promise.all([eventsOf(stream), stream.result()]);
    expect([textOf(events), whole]).toEqual(['abc', 'abc']);
  });
});

test.each(nodes())(
  'calls without end inside each other end under %s',
  async (node) => {
    const exit = await run('endless-nesting.mjs', { node });
    expect(exit).toMatchObject({ code: 0, stderr: '' });
    expect(saidBy(exit)).toEqual([
      ['at once', 33, 'nestedCallsMax'],
      ['after an await, with a bound of its own', 5, 'nestedCallsMax'],
      ['after an await', 'bounded', 'nestedCallsMax'],
    ]);
  },
  60_000,
);
