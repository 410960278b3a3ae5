/** Events that come when the call takes no more, from wherever: `closed`, and nothing of them anywhere. */
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type EmitOutcome, type EventEmitter, type GenerateRequest, setInferenceRunner } from 'car-inference';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { collect, loggedEvents, recordOf } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { turn, until } from './support/gate';
import { done, text } from './support/scripted-runner';
import { Thread } from './support/thread';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const thread = new Thread();
afterAll(() => thread.terminate());
afterEach(() => setInferenceRunner(null).dispose());

type Outcome = EmitOutcome | Promise<EmitOutcome>;

/** Makes a call whose runner emits once and ends so; gives its emitter back when the call is over. */
async function settled(way: string) {
  let emitter: EventEmitter | undefined;
  const endings: Record<string, (request: GenerateRequest, given: EventEmitter) => unknown> = {
    returned: async (_request, given) => {
      emitter = given;
      given.emit(text('in time'));
    },
    threw: async (_request, given) => {
      emitter = given;
      given.emit(text('in time'));
      throw new Error('broken');
    },
    'was a generator that ended': async function* (_request, given) {
      emitter = given;
      yield text('in time');
    },
    'emitted done': async (_request, given) => {
      emitter = given;
      given.emit(text('in time'));
      given.emit(done('in time'));
    },
    'emitted nonsense': async (_request, given) => {
      emitter = given;
      given.emit(text('in time'));
      given.emit(5 as never);
    },
  };
  setInferenceRunner(endings[way] as never);
  const engine = newEngine();
  const stream = engine.generateTrackedStream(REQUEST);
  const { events } = await collect(stream);
  return { engine, stream, events, emitter: emitter as unknown as EventEmitter };
}

const WAYS = ['returned', 'threw', 'was a generator that ended', 'emitted done', 'emitted nonsense'];

/** Emits from somewhere, and tells what was answered. */
const PLACES: Record<string, (emit: EventEmitter['emit']) => Promise<Outcome[]>> = {
  'from the same place': async (emit) => [emit(text('late')), emit(done()), emit(5 as never)],
  'from a timer': (emit) => new Promise((resolve) => setTimeout(() => resolve([emit(text('late'))]))),
  'from another async context': (emit) =>
    new AsyncLocalStorage().run({}, async () => {
      await turn();
      return [emit(text('late')), new AsyncResource('elsewhere').runInAsyncScope(() => emit(text('late')))];
    }),
  'from a finally block': async (emit) => {
    const outcomes: Outcome[] = [];
    try {
      throw new Error('x');
    } catch {
      outcomes.push(emit(text('late')));
    } finally {
      outcomes.push(emit(text('later')));
    }
    return outcomes;
  },
  'from a FinalizationRegistry': async (emit) => {
    const outcomes: Outcome[] = [];
    const registry = new FinalizationRegistry(() => outcomes.push(emit(text('late'))));
    (() => registry.register({}, undefined))();
    while (outcomes.length === 0) {
      collectGarbage();
      await turn();
    }
    return outcomes;
  },
  'from inside a call of another runner': async (emit) => {
    const outcomes: Outcome[] = [];
    setInferenceRunner(async (_request, own) => {
      outcomes.push(emit(text('late')));
      own.emit(text('own'));
    });
    expect((await newEngine().generate(REQUEST)).text).toBe('own');
    return outcomes;
  },
};

describe.each(WAYS)('after the runner %s', (way) => {
  test.each(Object.entries(PLACES))('%s: closed, and nobody gets it', async (_place, emitFrom) => {
    const { engine, stream, events, emitter } = await settled(way);
    const before = await recordOf(engine, stream);
    const outcomes = await emitFrom(emitter.emit);
    expect(outcomes.length).toBeGreaterThan(0);
    expect(new Set(outcomes)).toEqual(new Set(['closed']));
    expect(emitter.isClosed).toBe(true);
    expect(emitter.traceId).toBe(stream.traceId);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(await loggedEvents(engine, stream)).toEqual(events);
    expect(await recordOf(engine, stream)).toEqual(before);
  });
});

describe.each(['cancelled', 'left', 'timed out'])('a runner whose call was %s', (how) => {
  test('may tell in its finally what it cost, and nothing else', async () => {
    const outcomes: Outcome[] = [];
    setInferenceRunner(async (_request, emitter) => {
      try {
        await emitter.emit(text('a'));
        await emitter.cancelled();
      } finally {
        outcomes.push(emitter.emit({ type: 'usage', outputTokens: 7 }), emitter.emit(text('late')));
      }
    });
    const engine = newEngine({ timeouts: { idleMs: how === 'timed out' ? 10 : null } });
    const stream = engine.generateTrackedStream(REQUEST);
    await stream.next();
    if (how === 'cancelled') await stream.cancel();
    if (how === 'left') await stream.return();
    const { events } = await collect(stream);
    expect(events).toEqual([]);
    expect(outcomes[1]).toBe('closed');
    const record = await recordOf(engine, stream);
    expect(record).toMatchObject({ text: 'a', usage: { outputTokens: 7 } });
    expect(await loggedEvents(engine, stream)).toEqual([text('a'), { type: 'usage', outputTokens: 7 }]);
  });
});

test('an event that a generator yields in its finally reaches nobody', async () => {
  let cleaned = false;
  setInferenceRunner(async function* () {
    try {
      yield text('a');
      yield text('b');
    } finally {
      cleaned = true;
      yield text('late');
    }
  });
  const engine = newEngine();
  const stream = engine.generateTrackedStream(REQUEST);
  for await (const _event of stream) break;
  expect(cleaned).toBe(true);
  expect(await loggedEvents(engine, stream)).toEqual([text('a')]);
});

test('a runner here whose consumer in another thread has its ending', async () => {
  let emitter: EventEmitter | undefined;
  setInferenceRunner(async (_request, given) => {
    emitter = given;
    given.emit(text('in time'));
  });
  await thread.ask('open', { request: REQUEST });
  expect((await thread.ask('collect')).value).toEqual([text('in time'), done('in time')]);
  await until(() => emitter?.isClosed === true);
  expect([emitter?.emit(text('late')), emitter?.emit(done())]).toEqual(['closed', 'closed']);
  expect(await thread.ask('logged')).toEqual([text('in time'), done('in time')]);
});
