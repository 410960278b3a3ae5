/**
 * Iterators and thenables that lie: they settle twice, never, or with something else than they should. A runner is
 * awaited as `await` would: what comes first counts, and what never comes is ended by the call's own times.
 */
import { type RunnerEvent, setInferenceRunner } from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { collect, eventsOf, loggedEvents } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { gate, until } from './support/gate';
import { aborted, done, text } from './support/scripted-runner';
import { endOf } from './support/soundness';

afterEach(() => setInferenceRunner(null).dispose());

type Step = IteratorResult<RunnerEvent, unknown>;

const END: Step = { done: true, value: undefined };
const step = (value: string): Step => ({ done: false, value: text(value) });

/** A runner whose `next` answers these in turn, whatever they are. */
function answering(...answers: unknown[]) {
  return (() => ({ next: () => (answers.length > 1 ? answers.shift() : answers[0]) })) as never;
}

async function call(runner: unknown, options = {}) {
  setInferenceRunner(runner as never);
  const engine = newEngine();
  return endOf(engine, engine.generateTrackedStream(REQUEST, options));
}

/** A promise whose own `then` does what it likes; `await` does not ask it. */
function lying<T>(value: T, then: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void) {
  return Object.assign(Promise.resolve(value), { then });
}

/** A thenable that is no promise. */
const thenable = (then: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void) => ({ then });

describe('what next() answers', () => {
  const table: Array<[string, unknown, string]> = [
    ['steps without a promise', step('a'), 'a'],
    ['a thenable', thenable((resolve) => resolve(step('a'))), 'a'],
    [
      'a thenable that settles twice',
      thenable((resolve, reject) => {
        resolve(step('a'));
        resolve(step('b'));
        reject(new Error('too late'));
      }),
      'a',
    ],
    [
      'a thenable that throws after it has settled',
      thenable((resolve) => {
        resolve(step('a'));
        throw new Error('too late');
      }),
      'a',
    ],
    ['a thenable of a thenable', thenable((resolve) => resolve(thenable((inner) => inner(step('a'))))), 'a'],
    [
      'a promise whose own then calls back twice',
      lying(step('a'), (resolve) => {
        resolve(step('b'));
        resolve(step('b'));
      }),
      'a',
    ],
    ['a promise whose own then never calls back', lying(step('a'), () => {}), 'a'],
    [
      'a promise whose own then throws',
      lying(step('a'), () => {
        throw new Error('hands off');
      }),
      'a',
    ],
    ['a step whose done is no boolean', { done: 0, value: text('a') }, 'a'],
    ['a frozen step', Object.freeze(step('a')), 'a'],
    ['a step without done', { value: text('a') }, 'a'],
  ];
  test.each(table)('%s: one event, once', async (_name, answer, whole) => {
    const { events, completion } = await call(answering(answer, END));
    expect(events).toEqual([text(whole)]);
    expect(completion?.text).toBe(whole);
  });

  test('the same step object again, changed: each event is as it was when it was handed over', async () => {
    const shared = { done: false, value: text('') };
    let count = 0;
    const runner = () => ({
      next: () => {
        count += 1;
        shared.value.text = String(count);
        shared.done = count === 4;
        return shared;
      },
    });
    expect((await call(runner)).events).toEqual([text('1'), text('2'), text('3')]);
  });

  async function* letters(): AsyncGenerator<RunnerEvent, void> {
    yield text('a');
    yield text('b');
  }

  /** Pulls `letters()`, and keeps what it answered. */
  function keeping(kept: Step[], generator = letters(), { next } = generator) {
    return async () => {
      const result: Step = await next.call(generator);
      kept.push(result);
      return result;
    };
  }

  test.each<[string, (kept: Step[]) => unknown]>([
    ['around a generator', (kept) => ({ next: keeping(kept) })],
    [
      'that is a generator with a next of its own',
      (kept) => {
        const generator = letters();
        return Object.assign(generator, { next: keeping(kept, generator) });
      },
    ],
    [
      'that is a proxy of a generator',
      (kept) => {
        const next = keeping(kept);
        return new Proxy(letters(), { get: (_, key) => (key === 'next' ? next : undefined) });
      },
    ],
  ])('results that are kept by an iterator %s: they stay as they were', async (_name, make) => {
    const kept: Step[] = [];
    setInferenceRunner((() => make(kept)) as never);
    const events = await eventsOf(newEngine().generateTrackedStream(REQUEST));
    expect(events).toEqual([text('a'), text('b'), done('ab')]);
    expect(kept).toEqual([step('a'), step('b'), END]);
    expect(kept[0]?.value).not.toBe(events[0]);
  });

  test('a next without a prototype is called all the same', async () => {
    const inner = letters();
    const next = Object.setPrototypeOf(() => inner.next(), null);
    expect((await call(() => ({ next }))).completion?.text).toBe('ab');
  });

  test('next is looked up once, as for await does', async () => {
    let lookups = 0;
    const inner = letters();
    const iterator = Object.defineProperty({}, 'next', {
      get() {
        lookups += 1;
        return () => inner.next();
      },
    });
    expect((await call(() => iterator)).completion?.text).toBe('ab');
    expect(lookups).toBe(1);
  });

  test('done and a value: the value is the result, and nothing after it is asked for', async () => {
    let asked = 0;
    const runner = () => ({
      next: () => {
        asked += 1;
        return { done: 'yes', value: { text: 'result' } };
      },
    });
    expect((await call(runner)).completion?.text).toBe('result');
    expect(asked).toBe(1);
  });

  const failing: Array<[string, unknown, RegExp]> = [
    ['a rejection', Promise.reject(new Error('hands off')), /hands off/],
    ['a thenable that throws', thenable(fail), /hands off/],
    ['a done that throws', Object.defineProperty({}, 'done', { get: fail }), /hands off/],
    ['a value that throws', Object.defineProperty({ done: false }, 'value', { get: fail }), /hands off/],
    ['an array', [text('a')], /event must be an object, got undefined/],
    ['a string', 'step', /answered a string instead of/],
    ['null', null, /answered null instead of/],
    ['a promise of undefined', Promise.resolve(), /answered undefined instead of/],
  ];
  for (const [, answer] of failing) if (answer instanceof Promise) answer.catch(() => {});
  test.each(failing)('%s: the call fails and says why', async (_name, answer, says) => {
    const { events, error } = await call(answering(answer));
    expect(events).toEqual([]);
    expect(error?.message).toMatch(says);
  });
});

function fail(): never {
  throw new Error('hands off');
}

describe('what never comes', () => {
  const never = new Promise(() => {});
  test.each<[string, unknown]>([
    ['a next() that never settles', answering(never)],
    ['a thenable that never settles', answering(thenable(() => {}))],
    ['a runner that never settles', () => never],
    ['a runner that is a thenable that never settles', () => thenable(() => {})],
  ])('%s: the times of the call end it, and the engine goes on', async (_name, runner) => {
    const { error } = await call(runner, { timeouts: { firstEventMs: 20, graceMs: 1 } });
    expect(error).toMatchObject({ code: 'timeout', kind: 'first-event' });
  });

  test.each<[string, () => unknown]>([
    ['never settles', () => never],
    ['is a thenable that never settles', () => thenable(() => {})],
    ['throws', fail],
    ['rejects', () => Promise.reject(new Error('hands off'))],
    ['answers nonsense', () => 5],
    ['hands over another event', () => step('late')],
    ['settles twice', () => thenable((resolve) => [resolve(END), resolve(END)])],
  ])('a return() that %s: a consumer that leaves is let go, with one ending', async (_name, finish) => {
    let returns = 0;
    const runner = () => ({
      next: () => step('a'),
      return: () => {
        returns += 1;
        return finish();
      },
    });
    setInferenceRunner(runner as never);
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST, { timeouts: { graceMs: 5 } });
    for await (const _event of stream) break;
    expect(returns).toBe(1);
    expect(await engine.eventLog.call(stream.traceId)).toMatchObject({ status: 'cancelled' });
    expect(await loggedEvents(engine, stream)).toEqual([text('a')]);
    await engine.close();
  });
});

describe('runners that are thenables', () => {
  test.each<[string, () => unknown, string]>([
    ['a thenable', () => thenable((resolve) => resolve({ text: 'one' })), 'one'],
    [
      'a thenable that settles twice',
      () =>
        thenable((resolve, reject) => {
          resolve({ text: 'one' });
          resolve({ text: 'two' });
          reject(new Error('three'));
        }),
      'one',
    ],
    ['a promise whose own then lies', () => lying({ text: 'one' }, (resolve) => resolve({ text: 'two' })), 'one'],
  ])('%s: the first result counts', async (_name, runner, whole) => {
    expect((await call(runner)).completion?.text).toBe(whole);
  });

  test.each<[string, () => unknown]>([
    ['a then that throws when it is read', () => Object.defineProperty({}, 'then', { get: fail })],
    ['a then that throws', () => thenable(fail)],
    ['a then that changes between reads', () => thenReadTwice()],
  ])('%s fails the call', async (_name, runner) => {
    expect((await call(runner)).error).toMatchObject({ code: 'runner-failed', message: 'runner failed: hands off' });
  });

  function thenReadTwice() {
    let reads = 0;
    return Object.defineProperty({}, 'then', { get: () => (reads++ === 0 ? () => {} : fail()) });
  }

  test('an iterator whose method gives another one each time is opened once', async () => {
    let opened = 0;
    const runner = () => ({
      [Symbol.asyncIterator]() {
        opened += 1;
        const steps = [step('a'), END];
        return { next: async () => steps.shift() };
      },
    });
    expect((await call(runner)).events).toEqual([text('a')]);
    expect(opened).toBe(1);
  });
});

describe('a runner that turns to its own call', () => {
  test('next() that pulls the stream it feeds is asked once at a time', async () => {
    setInferenceRunner((() => {
      let asked = 0;
      return {
        next: async () => {
          asked += 1;
          if (asked === 1) inner.push(stream.next());
          return asked <= 2 ? step(String(asked)) : END;
        },
      };
    }) as never);
    const inner: Array<Promise<unknown>> = [];
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST);
    expect(await eventsOf(stream)).toEqual([text('1'), done('12')]);
    expect(await inner[0]).toEqual({ done: false, value: text('2') });
  });

  test.each(['emit', 'cancel', 'close'])(
    'a getter of an event that calls %s ends in one order for all',
    async (what) => {
      const engine = newEngine();
      setInferenceRunner(async (_request, emitter) => {
        const event = Object.defineProperty({ type: 'text-delta' }, 'text', {
          get() {
            if (what === 'emit') emitter.emit(text('inner'));
            if (what === 'cancel') stream.cancel();
            if (what === 'close') engine.close('cancel');
            return 'outer';
          },
        });
        await emitter.emit(event as RunnerEvent);
      });
      const stream = engine.generateTrackedStream(REQUEST);
      const { events, error } = await collect(stream);
      if (what === 'emit') expect(events).toEqual([text('inner'), text('outer'), done('innerouter')]);
      else expect([events, (error as { code?: string }).code]).toEqual([[], 'cancelled']);
      expect(await loggedEvents(engine, stream)).toEqual(events);
    },
  );

  test('a return() that is called while next() still waits: the late event reaches nobody', async () => {
    const late = gate<Step>();
    const signals: AbortSignal[] = [];
    let returned = false;
    setInferenceRunner(((_request: unknown, { signal }: { signal: AbortSignal }) => {
      signals.push(signal);
      const steps: unknown[] = [step('a'), late.promise];
      return {
        next: () => steps.shift(),
        return: async () => {
          await late.promise;
          returned = true;
        },
      };
    }) as never);
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST);
    await stream.next();
    const pull = stream.next();
    const leaving = stream.return();
    await aborted(signals[0] as AbortSignal);
    late.open(step('late'));
    expect(await pull).toEqual({ done: true, value: undefined });
    await leaving;
    await until(() => returned);
    expect(await loggedEvents(engine, stream)).toEqual([text('a')]);
  });
});
