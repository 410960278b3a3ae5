/**
 * What a host forgets: a stream in whatever phase, an emitter, an engine, a registration, a signal. Whoever is still
 * working for it is told to stop, and its memory comes back. What is counted are objects and calls of the addon.
 */
import { getEventListeners } from 'node:events';
import { createRequire } from 'node:module';
import {
  type CancelledError,
  type EventEmitter,
  type InferenceEngine,
  type RunnerEvent,
  type RunnerLike,
  setInferenceRunner,
  type TrackedStream,
} from 'car-inference';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { collect } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { collectAll, collectUntil, Traces } from './support/garbage';
import { gate, turn, until } from './support/gate';
import { aborted, done, text } from './support/scripted-runner';
import { Thread } from './support/thread';

/** The numbers under which the addon has opened something for us since a test began, and has released it. */
const numbers = {
  open: new Set<number>(),
  release: new Set<number>(),
  createEngine: new Set<number>(),
  releaseEngine: new Set<number>(),
};
const addon = createRequire(import.meta.url)('../native/index.js');
for (const name of ['open', 'createEngine', 'release', 'releaseEngine'] as const) {
  const original = addon[name];
  const givesNumber = name === 'open' || name === 'createEngine';
  addon[name] = (...given: unknown[]) => {
    const answer = original(...given);
    numbers[name].add(givesNumber ? answer : given[0]);
    return answer;
  };
}

const thread = new Thread();
afterAll(() => thread.terminate());
beforeEach(() => {
  for (const each of Object.values(numbers)) each.clear();
});
afterEach(() => setInferenceRunner(null).dispose());

const isReleased = (opened: Set<number>, gone: Set<number>) =>
  opened.size > 0 && [...opened].every((id) => gone.has(id));
const released = () => isReleased(numbers.open, numbers.release);
const enginesReleased = () => isReleased(numbers.createEngine, numbers.releaseEngine);

/** What runners here were told when they were stopped. Not the reasons themselves: an error holds whoever made it. */
let stopped: string[] = [];
beforeEach(() => {
  stopped = [];
});

function noteReason({ signal }: { signal: AbortSignal }): void {
  const { code, message } = signal.reason as CancelledError;
  stopped.push(`${code}: ${message}`);
}

const FORGOTTEN = 'cancelled: cancelled: the stream was forgotten';

/** Emits these, with or without waiting, then hangs until it is stopped. */
function emitting(events: number, traces: Traces, waits: 'waits' | 'does not wait' = 'waits'): RunnerLike {
  return async (request, emitter) => {
    traces.follow('request', request);
    traces.follow('emitter', emitter);
    const { signal } = emitter;
    signal.addEventListener('abort', () => noteReason({ signal }));
    for (let n = 0; n < events; n += 1) {
      const outcome = emitter.emit(text('a'));
      if (waits === 'waits') await outcome;
    }
    await aborted(signal);
  };
}

/** Yields without end. */
function yielding(traces: Traces): RunnerLike {
  return async function* (request, { signal }) {
    traces.follow('request', request);
    traces.follow('signal', signal);
    signal.addEventListener('abort', () => noteReason({ signal }));
    for (;;) yield text('a');
  };
}

type Leave = (stream: TrackedStream, traces: Traces) => Promise<void>;

const pull: Leave = async (stream) => void (await stream.next());

const PHASES: Array<[name: string, runner: (traces: Traces) => RunnerLike, leave: Leave]> = [
  ['between two pulls of a generator', yielding, pull],
  ['between two events of an emitter', (traces) => emitting(1, traces), pull],
  ['with events that wait', (traces) => emitting(100, traces), pull],
  ['while its runner waits for room', (traces) => emitting(1_000, traces), pull],
  ['while its runner goes on without waiting for room', (traces) => emitting(1_000, traces, 'does not wait'), pull],
  [
    'behind its textStream',
    yielding,
    async (stream, traces) => {
      const { textStream } = stream;
      traces.follow('textStream', textStream);
      await textStream.next();
    },
  ],
  [
    'behind a ReadableStream with a reader',
    yielding,
    async (stream, traces) => {
      const reader = traces.follow('readable', stream.toReadableStream()).getReader();
      await reader.read();
    },
  ],
  [
    'in the middle of a loop that never goes on',
    yielding,
    async (stream, traces) => {
      const loop = traces.follow(
        'loop',
        (async function* () {
          for await (const event of stream) yield event;
        })(),
      );
      await loop.next();
    },
  ],
];

describe('a stream that is forgotten', () => {
  test.each(PHASES)('%s: its runner is told to stop, and all of it is freed', async (_name, runner, leave) => {
    const traces = new Traces();
    setInferenceRunner(runner(traces));
    const engine = newEngine();
    const traceId = await (async () => {
      const stream = traces.follow('stream', engine.generateTrackedStream(REQUEST));
      await leave(stream, traces);
      return stream.traceId;
    })();
    await collectUntil(
      () => stopped.length > 0 && released() && traces.left.length === 0,
      () => [traces.left, [...numbers.open], [...numbers.release], stopped],
    );
    expect(stopped).toEqual([FORGOTTEN]);
    expect(await engine.eventLog.call(traceId)).toMatchObject({ status: 'cancelled' });
    await engine.close('drain');
  });

  test('before it was begun: nothing runs, nothing is recorded, and it is freed', async () => {
    let runs = 0;
    setInferenceRunner(async () => {
      runs += 1;
    });
    const traces = new Traces();
    const engine = newEngine();
    const traceIds = (() => {
      traces.follow('unlooked', engine.generateTrackedStream(REQUEST));
      const looked = traces.follow('looked', engine.generateTrackedStream(REQUEST));
      return [looked.traceId];
    })();
    await collectUntil(
      () => released() && traces.left.length === 0,
      () => [traces.left, [...numbers.open], [...numbers.release], stopped],
    );
    expect(numbers.open.size).toBe(1);
    expect(runs).toBe(0);
    expect(await engine.eventLog.call(traceIds[0] as string)).toBeUndefined();
  });

  test.each(['generator', 'emitter'])('with its runner in another thread, a %s', async (way) => {
    await thread.ask('register', { way, repeat: 100_000 });
    const traces = new Traces();
    const engine = newEngine();
    await (async () => pull(traces.follow('stream', engine.generateTrackedStream(REQUEST)), traces))();
    await collectUntil(
      () => released() && traces.left.length === 0,
      () => [traces.left, [...numbers.open], [...numbers.release], stopped],
    );
    let run = (await thread.ask('runs')).at(-1);
    while (run.reason === undefined) run = (await thread.ask('runs')).at(-1);
    expect(run.reason).toMatchObject({ code: 'cancelled' });
  });

  test('after the runner has ended and before the pull that says so: the call stays completed', async () => {
    setInferenceRunner(async (_request, { emit }) => {
      emit(text('a'));
      emit(text('b'));
    });
    const traces = new Traces();
    const engine = newEngine();
    const traceId = await (async () => {
      const stream = traces.follow('stream', engine.generateTrackedStream(REQUEST));
      await stream.next();
      await turn();
      return stream.traceId;
    })();
    await collectUntil(
      () => released() && traces.left.length === 0,
      () => [traces.left, [...numbers.open], [...numbers.release], stopped],
    );
    expect(await engine.eventLog.call(traceId)).toMatchObject({ status: 'done', text: 'ab' });
  });

  test('while somebody waits for its next event: it goes on until that is answered, and then stops', async () => {
    const go = gate();
    const traces = new Traces();
    setInferenceRunner(async (_request, emitter) => {
      await emitter.emit(text('a'));
      await go.promise;
      emitter.emit(text('b'));
      await aborted(emitter.signal);
      noteReason(emitter);
    });
    const engine = newEngine();
    const pending = await (async () => {
      const stream = traces.follow('stream', engine.generateTrackedStream(REQUEST));
      await stream.next();
      return [stream.next()];
    })();
    await collectUntil(
      () => traces.left.length === 0,
      () => [traces.left, [...numbers.open], [...numbers.release], stopped],
    );
    expect(stopped).toEqual([]);
    go.open();
    expect(await pending[0]).toEqual({ done: false, value: text('b') });
    await until(() => stopped.length > 0 && released());
  });

  test('whose result somebody has asked for goes on to its end', async () => {
    const go = gate();
    setInferenceRunner(async (_request, { emit }) => {
      await go.promise;
      emit(text('whole'));
    });
    const engine = newEngine();
    const traces = new Traces();
    const result = await (async () => [traces.follow('stream', engine.generateTrackedStream(REQUEST)).result()])();
    await collectUntil(
      () => traces.left.length === 0,
      () => [traces.left, [...numbers.open], [...numbers.release], stopped],
    );
    go.open();
    expect((await (result[0] as Promise<{ text: string }>)).text).toBe('whole');
  });

  test('and detached goes on to its end too', async () => {
    const go = gate();
    setInferenceRunner(async (_request, { emit }) => {
      await go.promise;
      emit(text('whole'));
    });
    const engine = newEngine();
    const traces = new Traces();
    const traceId = (() => {
      const stream = traces.follow('stream', engine.generateTrackedStream(REQUEST));
      stream.detach();
      return stream.traceId;
    })();
    await collectUntil(
      () => traces.left.length === 0,
      () => [traces.left, [...numbers.open], [...numbers.release], stopped],
    );
    go.open();
    await engine.close('drain');
    expect(await engine.eventLog.call(traceId)).toMatchObject({ status: 'done', text: 'whole' });
  });
});

describe('an emitter', () => {
  test('that a runner keeps which never settles holds neither the stream nor anything of the addon', async () => {
    const traces = new Traces();
    const kept: EventEmitter[] = [];
    setInferenceRunner((_request, emitter) => {
      kept.push(emitter);
      emitter.emit(text('a'));
      return new Promise(() => {});
    });
    const engine = newEngine({ timeouts: { idleMs: 5, graceMs: 1 } });
    await (async () => {
      const stream = traces.follow('stream', engine.generateTrackedStream(REQUEST));
      await collect(stream);
    })();
    await collectUntil(
      () => released() && traces.left.length === 0,
      () => [traces.left, [...numbers.open], [...numbers.release], stopped],
    );
    expect(kept[0]?.emit(text('late'))).toBe('closed');
    expect(kept[0]?.isClosed).toBe(true);
    expect(kept[0]?.signal.reason).toMatchObject({ code: 'timeout' });
  });

  test('that a runner drops which never settles is freed with its call', async () => {
    const traces = new Traces();
    setInferenceRunner((request, emitter) => {
      traces.follow('request', request);
      traces.follow('emitter', emitter);
      traces.follow('signal', emitter.signal);
      return traces.follow('promise', new Promise<void>(() => {}));
    });
    const engine = newEngine({ timeouts: { firstEventMs: 5, graceMs: 1 } });
    await (async () => void (await collect(traces.follow('stream', engine.generateTrackedStream(REQUEST)))))();
    await collectUntil(
      () => released() && traces.left.length === 0,
      () => [traces.left, [...numbers.open], [...numbers.release], stopped],
    );
  });
});

describe('an engine', () => {
  /** Makes calls of an engine that only this function knows. */
  async function useOnce(traces: Traces, use: (engine: InferenceEngine) => Promise<unknown>): Promise<unknown> {
    return use(traces.follow('engine', newEngine()));
  }

  test('that is forgotten after its calls is released, with all that its log held', { timeout: 30_000 }, async () => {
    const traces = new Traces();
    setInferenceRunner(async (_request, { emit }) => void emit(text('a'.repeat(5_000_000))));
    await useOnce(traces, async (engine) => {
      for (let calls = 0; calls < 6; calls += 1) await engine.generate(REQUEST);
    });
    const before = process.memoryUsage().rss;
    await collectUntil(
      () => enginesReleased() && released() && traces.left.length === 0,
      () => [traces.left, [...numbers.open], [...numbers.release], stopped],
    );
    // Thirty million bytes of text were in the log alone, each call in a buffer of its own.
    await collectUntil(() => process.memoryUsage().rss < before - 20_000_000);
  });

  test('that is forgotten with a call in flight lives as long as the call', async () => {
    const traces = new Traces();
    const go = gate();
    setInferenceRunner(async (_request, { emit }) => {
      emit(text('a'));
      await go.promise;
      emit(text('b'));
    });
    const held = (await useOnce(traces, async (engine) => {
      const stream = engine.generateTrackedStream(REQUEST);
      await stream.next();
      return [stream];
    })) as TrackedStream[];
    await collectUntil(
      () => !traces.left.includes('engine'),
      () => [traces.left, [...numbers.open], [...numbers.release], stopped],
    );
    await collectAll();
    expect(enginesReleased()).toBe(false);
    go.open();
    expect((await collect(held[0] as TrackedStream)).events).toEqual([text('b'), done('ab')]);
    held.length = 0;
    await collectUntil(enginesReleased);
  });

  test('that is forgotten together with its streams stops their runners and is released', async () => {
    const traces = new Traces();
    setInferenceRunner(emitting(1, traces));
    await useOnce(traces, async (engine) => {
      for (let calls = 0; calls < 10; calls += 1) await engine.generateTrackedStream(REQUEST).next();
    });
    await collectUntil(
      () => enginesReleased() && released() && traces.left.length === 0,
      () => [traces.left, [...numbers.open], [...numbers.release], stopped],
    );
    expect(stopped).toEqual(Array.from({ length: 10 }, () => FORGOTTEN));
  });

  test('whose options are wrong leaves nothing behind', async () => {
    expect(() => newEngine({ timeouts: { idleMs: 0 } })).toThrow();
    expect([...numbers.createEngine]).toEqual([-1]);
  });
});

describe('a runner', () => {
  test('whose registration is forgotten and not disposed of stays registered', async () => {
    const traces = new Traces();
    (() => {
      traces.follow(
        'registration',
        setInferenceRunner(async (_request, { emit }) => void emit(text('still here'))),
      );
    })();
    await collectUntil(
      () => traces.left.length === 0,
      () => [traces.left, [...numbers.open], [...numbers.release], stopped],
    );
    await collectAll();
    expect((await newEngine().generate(REQUEST)).text).toBe('still here');
  });

  test.each(['replaced', 'cleared', 'disposed of'])('that is %s is freed', async (how) => {
    const traces = new Traces();
    const registration = setInferenceRunner(traces.follow('runner', { run: async () => {} }));
    await newEngine().generate(REQUEST);
    if (how === 'replaced') setInferenceRunner(async () => {});
    if (how === 'cleared') setInferenceRunner(null);
    if (how === 'disposed of') registration.dispose();
    await collectUntil(
      () => traces.left.length === 0,
      () => [traces.left, [...numbers.open], [...numbers.release], stopped],
    );
  });

  test('that is replaced while it serves a call is freed when the call is over', async () => {
    const traces = new Traces();
    const go = gate();
    const events: RunnerEvent[] = [text('a')];
    (() => {
      const runner = traces.follow('runner', {
        async run(_request: unknown, { emit }: EventEmitter) {
          await go.promise;
          for (const event of events) emit(event);
        },
      });
      setInferenceRunner(runner);
    })();
    const engine = newEngine();
    const result = engine.generate(REQUEST);
    await turn();
    setInferenceRunner(async () => {});
    await collectAll();
    expect(traces.left).toEqual(['runner']);
    go.open();
    expect((await result).text).toBe('a');
    await collectUntil(
      () => traces.left.length === 0,
      () => [traces.left, [...numbers.open], [...numbers.release], stopped],
    );
  });

  test('thousands that replace each other are freed but for the last', async () => {
    const traces = new Traces();
    for (let n = 0; n < 2_000; n += 1) setInferenceRunner(traces.follow(String(n), { run: async () => {} }));
    await collectUntil(
      () => traces.left.length <= 1,
      () => [traces.left, [...numbers.open], [...numbers.release], stopped],
    );
    expect(traces.left).toEqual(['1999']);
  });
});

test('a signal that outlives thousands of calls has no listener left, and holds none of them', {
  timeout: 30_000,
}, async () => {
  const { signal } = new AbortController();
  const traces = new Traces();
  const engine = newEngine({ timeouts: { graceMs: 1 } });
  let most = 0;
  for (let calls = 0; calls < 3_000; calls += 1) {
    const way = ['returns', 'throws', 'is left', 'is cancelled', 'emits nonsense'][calls % 5];
    setInferenceRunner(async (_request, emitter) => {
      emitter.emit(text('a'));
      most = Math.max(most, getEventListeners(signal, 'abort').length);
      if (way === 'throws') throw new Error('no');
      if (way === 'emits nonsense') emitter.emit(5 as never);
      if (way === 'is left' || way === 'is cancelled') await aborted(emitter.signal);
    });
    const stream = traces.follow(String(calls), engine.generateTrackedStream(REQUEST, { signal }));
    await stream.next();
    if (way === 'is left') await stream.return();
    if (way === 'is cancelled') await stream.cancel();
    await collect(stream);
  }
  expect(most).toBe(1);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
  await collectUntil(
    () => traces.left.length <= 1 && released(),
    () => [traces.left, [...numbers.open], [...numbers.release], stopped],
  );
});
