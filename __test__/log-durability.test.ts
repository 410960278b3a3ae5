/**
 * Calls that are recorded durably, in every mode and with both kinds of runners: what reaches runner and consumer is what
 * reaches them without a durable log, also where events wait until they are on the disk and Rust drives the call.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  CancelledError,
  type Durability,
  type EventEmitter,
  type InferenceEngine,
  type InferenceEngineOptions,
  InferenceError,
  RunnerDeclinedError,
  type RunnerEvent,
  RunnerFailedError,
  type RunnerLike,
  type RunnerResult,
  setInferenceRunner,
  TimeoutError,
} from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { collect, eventsOf, recordOf, rejection, textOf } from './support/collect';
import { MODEL, newEngine, REQUEST } from './support/engine';
import { EVERY_EVENT } from './support/every-event';
import { gate, turn } from './support/gate';
import { all, engineOf, eventsIn, newPath, openLog } from './support/log';
import { aborted, done, text } from './support/scripted-runner';

afterEach(() => setInferenceRunner(null).dispose());

type Way = 'generator' | 'emitter';

const MODES: Array<Durability | 'in memory'> = ['in memory', 'relaxed', 'call', 'strict', 'event'];
const CASES = MODES.flatMap((mode) => (['generator', 'emitter'] as const).map((way) => [mode, way] as const));

async function engineIn(mode: (typeof MODES)[number], options: InferenceEngineOptions = {}): Promise<InferenceEngine> {
  return mode === 'in memory' ? newEngine(options) : engineOf(await openLog(newPath(), { durability: mode }), options);
}

/** A runner of either kind that gives these events, then does this. */
function runnerOf(way: Way, events: readonly unknown[], end?: (emitter: EventEmitter) => unknown): RunnerLike {
  if (way === 'generator') {
    return async function* (_request, emitter) {
      for (const event of events) yield event as RunnerEvent;
      return (await end?.(emitter)) as RunnerResult;
    };
  }
  return async (_request, emitter) => {
    for (const event of events) await emitter.emit(event as RunnerEvent);
    return (await end?.(emitter)) as RunnerResult;
  };
}

describe.each(CASES)('with a log that is %s, a runner that is a(n) %s', (mode, way) => {
  test('streams what it streams, and the log has the same', async () => {
    setInferenceRunner(runnerOf(way, EVERY_EVENT));
    const engine = await engineIn(mode);
    const stream = engine.generateTrackedStream(REQUEST);
    const seen = await eventsOf(stream);
    expect(seen.map(({ type }) => type)).toEqual([...EVERY_EVENT.map(({ type }) => type), 'done']);
    expect((await eventsIn(engine.eventLog, stream.traceId)).map(({ event }) => event)).toEqual(seen);
    expect(await recordOf(engine, stream)).toMatchObject({ status: 'done' });
  });

  test('streams thousands of deltas in order, through the text stream as well', async () => {
    const words = Array.from({ length: 1_500 }, (_, number) => `${number} `);
    setInferenceRunner(runnerOf(way, words.map(text)));
    const engine = await engineIn(mode);
    const stream = engine.generateTrackedStream(REQUEST);
    const seen: string[] = [];
    for await (const piece of stream.textStream) seen.push(piece);
    expect(seen.join('')).toBe(words.join(''));
    expect((await stream.result()).text).toBe(words.join(''));
    expect((await eventsIn(engine.eventLog, stream.traceId)).length).toBe(1_501);
  });

  test('answers with a result, which nobody need pull for', async () => {
    setInferenceRunner(runnerOf(way, [text('streamed')], () => ({ text: 'streamed' })));
    const engine = await engineIn(mode);
    const results = await Promise.all(Array.from({ length: 20 }, () => engine.generate(REQUEST)));
    for (const { text: said, modelUsed } of results) expect([said, modelUsed]).toEqual(['streamed', MODEL.id]);
    expect((await all(engine.eventLog.calls({ status: 'done' }))).length).toBe(20);
  });

  test('runs in the context of the call, at each of its steps', async () => {
    const context = new AsyncLocalStorage<string>();
    const here = () => text(`${context.getStore()} `);
    setInferenceRunner(
      way === 'generator'
        ? async function* (_request, { signal }) {
            yield here();
            await turn();
            yield here();
            await aborted(signal);
            yield here();
          }
        : async (_request, { emit, signal }) => {
            await emit(here());
            await turn();
            await emit(here());
            await aborted(signal);
            heard.open(String(context.getStore()));
          },
    );
    const heard = gate<string>();
    const engine = await engineIn(mode);
    const stream = context.run('call', () => engine.generateTrackedStream(REQUEST));
    await context.run('consumer', async () => {
      for (let pulls = 0; pulls < 2; pulls += 1) {
        expect((await stream.next()).value).toEqual(text('call '));
        expect(context.getStore()).toBe('consumer');
      }
      await stream.return();
    });
    if (way === 'emitter') expect(await heard.promise).toBe('call');
    expect(context.getStore()).toBeUndefined();
  });

  test('knows the call that it serves, and calls that it makes know it as their parent', async () => {
    const engine = await engineIn(mode);
    const inner: string[] = [];
    setInferenceRunner(
      runnerOf(way, [text('outer')], async ({ traceId, attempt, model }) => {
        expect([attempt, model.id]).toEqual([1, MODEL.id]);
        setInferenceRunner(runnerOf(way, [text('inner')]));
        const stream = engine.generateTrackedStream(REQUEST);
        await stream.result();
        inner.push(traceId, stream.traceId);
        return undefined;
      }),
    );
    const stream = engine.generateTrackedStream(REQUEST);
    expect((await stream.result()).text).toBe('outer');
    const [outerId, innerId = ''] = inner;
    expect(outerId).toBe(stream.traceId);
    expect(await engine.eventLog.call(innerId)).toMatchObject({ parentTraceId: stream.traceId, status: 'done' });
  });

  test('fails with the very object that it has thrown, after what it had streamed', async () => {
    class MyError extends Error {
      readonly status = 418;
      readonly self = this;
    }
    const thrown = new MyError('teapot');
    setInferenceRunner(
      runnerOf(way, [text('until then')], () => {
        throw thrown;
      }),
    );
    const engine = await engineIn(mode);
    const stream = engine.generateTrackedStream(REQUEST);
    const { events, error } = await collect(stream);
    expect(textOf(events)).toBe('until then');
    expect(error).toBeInstanceOf(RunnerFailedError);
    expect(error).toMatchObject({ status: 418, text: 'until then', traceId: stream.traceId, attempt: 1 });
    expect((error as Error).cause).toBe(thrown);
    expect(await rejection(stream.result())).toBe(error);
    expect(await recordOf(engine, stream)).toMatchObject({ status: 'failed', failure: { runner: { status: 418 } } });
  });

  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['a text', 'no'],
    ['a symbol', Symbol('no')],
    ['a frozen object', Object.freeze({ code: 'E' })],
  ])('may throw %s, which is the cause', async (_name, thrown) => {
    setInferenceRunner(runnerOf(way, [], () => Promise.reject(thrown)));
    const error = await rejection((await engineIn(mode)).generate(REQUEST));
    expect(error).toBeInstanceOf(RunnerFailedError);
    expect((error as Error).cause).toBe(thrown);
  });

  test('may decline, with its reason; and what a retry or a fallback throws is that very object too', async () => {
    const declined = new RunnerDeclinedError('not mine');
    const thrown = [
      Object.assign(new Error('busy'), { status: 429 }),
      Object.assign(new Error('still'), { status: 429 }),
    ];
    let runs = 0;
    setInferenceRunner(
      runnerOf(way, [], () => {
        throw runs < 2 ? thrown[runs++] : declined;
      }),
    );
    const engine = await engineIn(mode, { retry: { attemptsMax: 2, backoffMs: 1 } });
    const error = await rejection(engine.generate(REQUEST));
    expect(error).toBeInstanceOf(RunnerFailedError);
    expect(error).toMatchObject({ attempt: 2 });
    expect((error as Error).cause).toBe(thrown[1]);
    const other = await rejection(engine.generate(REQUEST, { retry: { attemptsMax: 1 } }));
    expect(other).toBeInstanceOf(RunnerDeclinedError);
  });

  test('hears that its consumer has left, and why', async () => {
    const heard = gate<unknown>();
    setInferenceRunner(
      runnerOf(way, [text('first')], async ({ signal, cancelled }) => {
        await aborted(signal);
        expect(await cancelled()).toBe(signal.reason);
        heard.open(signal.reason);
      }),
    );
    const engine = await engineIn(mode);
    const stream = engine.generateTrackedStream(REQUEST);
    await stream.next();
    // A generator is at its end only when it is pulled again.
    if (way === 'generator') void stream.next();
    await turn();
    const reason = { why: 'enough' };
    await stream.cancel(reason as never);
    const told = await heard.promise;
    expect(told).toBeInstanceOf(CancelledError);
    expect((told as Error).cause).toBe(reason);
    expect(await recordOf(engine, stream)).toMatchObject({ status: 'cancelled' });
  });

  test('hears the signal, with its own reason; and so does the consumer', async () => {
    const heard = gate<unknown>();
    setInferenceRunner(
      runnerOf(way, [text('first')], async ({ signal }) => {
        await aborted(signal);
        heard.open(signal.reason);
      }),
    );
    const engine = await engineIn(mode);
    const controller = new AbortController();
    const stream = engine.generateTrackedStream(REQUEST, { signal: controller.signal });
    await stream.next();
    const pull = rejection(stream.next());
    await turn();
    const reason = { mine: true };
    controller.abort(reason);
    expect(await pull).toBe(reason);
    expect(await heard.promise).toBe(reason);
    expect(await rejection(stream.result())).toBe(reason);
    expect(await recordOf(engine, stream)).toMatchObject({ status: 'cancelled', text: 'first' });
  });

  test('hears that a time ran out', async () => {
    const heard = gate<unknown>();
    setInferenceRunner(
      runnerOf(way, [text('first')], async ({ signal }) => {
        await aborted(signal);
        heard.open(signal.reason);
      }),
    );
    const engine = await engineIn(mode, { timeouts: { idleMs: 20 } });
    const { events, error } = await collect(engine.generateTrackedStream(REQUEST));
    expect(textOf(events)).toBe('first');
    expect(error).toBeInstanceOf(TimeoutError);
    expect(await heard.promise).toBeInstanceOf(InferenceError);
  });

  test('hears that the engine is closed', async () => {
    const heard = gate<unknown>();
    setInferenceRunner(
      runnerOf(way, [text('first')], async ({ signal }) => {
        await aborted(signal);
        heard.open(signal.reason);
      }),
    );
    const engine = await engineIn(mode);
    const stream = engine.generateTrackedStream(REQUEST);
    await stream.next();
    const pull = rejection(stream.next());
    await turn();
    await engine.close('cancel');
    expect(await pull).toBeInstanceOf(CancelledError);
    expect(await heard.promise).toMatchObject({ code: 'cancelled', message: expect.stringContaining('engine') });
  });

  test('waits for a consumer that is slow', async () => {
    let given = 0;
    const give = (event: RunnerEvent) => {
      given += 1;
      return event;
    };
    setInferenceRunner(
      way === 'generator'
        ? async function* () {
            for (let number = 0; number < 1_000; number += 1) yield give(text('x'));
          }
        : async (_request, { emit }) => {
            for (let number = 0; number < 1_000; number += 1) await emit(give(text('x')));
          },
    );
    const engine = await engineIn(mode, { limits: { bufferedEventsMax: 8 } });
    const stream = engine.generateTrackedStream(REQUEST);
    for (let pulls = 0; pulls < 3; pulls += 1) await stream.next();
    for (let turns = 0; turns < 50; turns += 1) await turn();
    // What it pulls, what waits for it, and what was on its way when the buffer was full.
    expect(given).toBeLessThan(64);
    expect((await eventsOf(stream)).length).toBe(998);
    expect(given).toBe(1_000);
  });

  test('may go wrong: what is no event, an order that is none, what comes too late', async () => {
    const engine = await engineIn(mode);
    setInferenceRunner(runnerOf(way, [text('a'), { type: 'nonsense' }, text('b')]));
    const { events, error } = await collect(engine.generateTrackedStream(REQUEST));
    expect(textOf(events)).toBe('a');
    expect(error).toMatchObject({ code: 'protocol' });
    setInferenceRunner(runnerOf(way, [text('a'), done('a'), text('late')]));
    const late = engine.generateTrackedStream(REQUEST);
    expect((await eventsOf(late)).at(-1)).toEqual(done('a'));
    expect(await recordOf(engine, late)).toMatchObject({ status: 'done', text: 'a' });
  });

  test('goes on for a stream that is detached, and for one whose loop is left it does not', async () => {
    const engine = await engineIn(mode);
    const go = gate();
    setInferenceRunner(
      runnerOf(way, [text('a')], async () => {
        await go.promise;
        return { text: 'a' };
      }),
    );
    const stream = engine.generateTrackedStream(REQUEST);
    stream.detach();
    go.open();
    await engine.close('drain');
    expect(await recordOf(engine, stream)).toMatchObject({ status: 'done', text: 'a' });
  });
});

/** How a JSON Web Token begins, which stays a possible secret for as long as it goes on. */
const TOKEN = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ';

test.each([1, 16, 256])(
  'in `event`, what may become a secret keeps no runner from going on, with room for %i',
  async (room) => {
    const deltas = [TOKEN, ...Array.from({ length: 600 }, () => 'abc'), '.', 'sig'.repeat(12), ' and so on'];
    setInferenceRunner(async function* () {
      for (const delta of deltas) yield text(delta);
    });
    const log = await openLog(newPath(), { durability: 'event' });
    const engine = engineOf(log, { limits: { bufferedEventsMax: room } });
    const { traceId, text: answer } = await engine.generate(REQUEST);
    expect(answer).toBe(deltas.join(''));
    const { text: recorded, eventCount } = (await log.call(traceId)) ?? {};
    expect(recorded).toBe('[REDACTED] and so on');
    expect(eventCount).toBe(deltas.length + 1);
  },
);
