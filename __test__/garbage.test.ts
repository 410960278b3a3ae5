/** What a call leaves behind once it is over and nobody holds it: nothing. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type EventEmitter, type GenerateRequest, setInferenceRunner, type TrackedStream } from 'car-inference';
import { afterEach, expect, test } from 'vitest';
import { collect } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { turn } from './support/gate';
import { aborted, text } from './support/scripted-runner';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

afterEach(() => setInferenceRunner(null).dispose());

async function first(stream: TrackedStream): Promise<void> {
  await stream.next();
}

const endings: Record<string, (stream: TrackedStream, controller: AbortController) => Promise<unknown>> = {
  'is cancelled': async (stream) => {
    await first(stream);
    await stream.cancel('enough');
    await collect(stream);
  },
  'is left': async (stream) => {
    for await (const _event of stream) break;
  },
  'is aborted': async (stream, controller) => {
    await first(stream);
    controller.abort();
    await collect(stream);
  },
  'is disposed of': async (stream) => {
    await first(stream);
    await stream[Symbol.asyncDispose]();
  },
  'times out': async (stream) => {
    await collect(stream);
    await stream.result().catch(() => {});
  },
};

test.each(Object.entries(endings))('a stream that %s is garbage afterwards, its call too', async (_how, end) => {
  const runners: WeakRef<object>[] = [];
  setInferenceRunner(async (_request: GenerateRequest, emitter: EventEmitter) => {
    runners.push(new WeakRef(emitter));
    await emitter.emit(text('first'));
    await aborted(emitter.signal);
  });
  const engine = newEngine({ timeouts: { idleMs: 20 } });
  const streams: WeakRef<object>[] = [];
  await (async () => {
    const controller = new AbortController();
    const stream = engine.generateTrackedStream(REQUEST, { signal: controller.signal });
    streams.push(new WeakRef(stream));
    await end(stream, controller);
  })();
  const alive = () => [...streams, ...runners].filter((reference) => reference.deref() !== undefined).length;
  expect(alive()).toBeGreaterThan(0);
  // Bounded by the test's timeout: what is still held then leaks.
  while (alive() > 0) {
    await turn();
    collectGarbage();
  }
});

test('a call whose stream is garbage comes to the result that somebody awaits, although nobody can pull any more', async () => {
  setInferenceRunner(async (_request: GenerateRequest, { emit }: EventEmitter) => {
    for (const letter of 'abcdef') await emit(text(letter));
  });
  const engine = newEngine({ limits: { bufferedEventsMax: 1, unawaitedEventsMax: 1 } });
  const result = await (async () => {
    const stream = engine.generateTrackedStream(REQUEST);
    await first(stream);
    return { promise: stream.result() };
  })();
  let isOver = false;
  result.promise.then(() => {
    isOver = true;
  });
  for (let turns = 0; turns < 5; turns += 1) await turn();
  // The runner waits for room.
  expect(isOver).toBe(false);
  while (!isOver) {
    await turn();
    collectGarbage();
  }
  expect((await result.promise).text).toBe('abcdef');
});

test('what a call’s context holds is garbage once the call is over, though others wait under the timer that it set', async () => {
  setInferenceRunner(async (_request, emitter) => {
    await emitter.emit(text('first'));
    await aborted(emitter.signal);
  });
  const engine = newEngine({ timeouts: { firstEventMs: 54_321, idleMs: 54_321 } });
  const contexts = new AsyncLocalStorage<object>();
  const stores: WeakRef<object>[] = [];
  const keeper = await (async () => {
    const store = {};
    stores.push(new WeakRef(store));
    const stream = await contexts.run(store, async () => {
      const begun = engine.generateTrackedStream(REQUEST);
      await begun.next();
      return begun;
    });
    const other = engine.generateTrackedStream(REQUEST);
    await other.next();
    await stream.return();
    return other;
  })();
  while (stores[0]?.deref() !== undefined) {
    await turn();
    collectGarbage();
  }
  await keeper.return();
});
