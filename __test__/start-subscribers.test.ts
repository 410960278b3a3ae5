// Code of the host that runs while a call begins: subscribers of its start, and signals that are anybody's objects.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type GenerateOptions, setInferenceRunner, type TrackedStream } from 'car-inference';
import { afterEach, expect, test } from 'vitest';
import { collect } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { bothWays, done, text } from './support/scripted-runner';

const cleanUps: Array<() => void> = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
  setInferenceRunner(null).dispose();
});

function onChannel(name: string, listener: (message: unknown) => void): void {
  subscribe(name, listener);
  cleanUps.push(() => unsubscribe(name, listener));
}

const SHAPES = Object.entries(bothWays([text('a'), text('b')]));

test.each(SHAPES)('subscribers that freeze what they get break no call: %s', async (_shape, runner) => {
  setInferenceRunner(runner);
  const freeze = (message: unknown) => {
    Object.freeze((message as { attributes: object }).attributes);
    Object.freeze(message);
  };
  let ends = 0;
  onChannel('car-inference:call:start', freeze);
  onChannel('car-inference:call:first-event', freeze);
  onChannel('car-inference:call:end', () => {
    ends += 1;
  });
  const engine = newEngine();
  const stream = engine.generateTrackedStream(REQUEST);
  expect(await collect(stream)).toMatchObject({ failed: false, events: [text('a'), text('b'), done('ab')] });
  expect((await stream.result()).text).toBe('ab');
  expect(ends).toBe(1);
  await engine.close('drain');
});

test('a subscriber that freezes the error does not change which one is thrown', async () => {
  setInferenceRunner(() => {
    throw new Error('no');
  });
  onChannel('car-inference:call:end', (message) => Object.freeze((message as { error: object }).error));
  const stream = newEngine().generateTrackedStream(REQUEST);
  const { error } = await collect(stream);
  expect(error).toMatchObject({ code: 'runner-failed' });
  await expect(stream.result()).rejects.toBe(error);
});

const touches: Record<string, (stream: TrackedStream) => unknown> = {
  'cancel()': (stream) => stream.cancel(),
  'return()': (stream) => stream.return(),
  'detach()': (stream) => stream.detach(),
  'next()': (stream) => stream.next(),
  'result()': (stream) => stream.result().catch(() => {}),
};

test.each(Object.entries(touches))(
  '%s inside a subscriber of the start leaves one run and one ending',
  async (_name, touch) => {
    let runs = 0;
    setInferenceRunner(async (_request, emitter) => {
      runs += 1;
      await emitter.emit(text('a'));
    });
    const engine = newEngine();
    const endings: unknown[] = [];
    const touched: unknown[] = [];
    let stream: TrackedStream | undefined;
    onChannel('car-inference:call:start', () => touched.push(touch(stream as TrackedStream)));
    onChannel('car-inference:call:end', (message) => endings.push((message as { status: string }).status));
    stream = engine.generateTrackedStream(REQUEST);
    const seen = await collect(stream);
    const result = await stream.result().catch((error: { code: string }) => error.code);
    await Promise.all(touched);
    await engine.close('drain');
    const isStopped = _name === 'cancel()' || _name === 'return()';
    expect(endings).toEqual([isStopped ? 'cancelled' : 'done']);
    expect(runs).toBe(isStopped ? 0 : 1);
    expect(result).toEqual(isStopped ? 'cancelled' : expect.objectContaining({ text: 'a' }));
    expect((seen.error as { code?: string } | undefined)?.code).toBe(_name === 'cancel()' ? 'cancelled' : undefined);
    // A call that was stopped before it began is in no log.
    expect((await engine.eventLog.call(stream.traceId))?.status).toBe(isStopped ? undefined : 'done');
  },
);

test('a signal whose reading pulls the stream does not run it twice', async () => {
  let runs = 0;
  setInferenceRunner(async (_request, emitter) => {
    runs += 1;
    await emitter.emit(text('a'));
  });
  const engine = newEngine();
  let stream: TrackedStream | undefined;
  let pulled: Promise<unknown> | undefined;
  let isRead = false;
  const signal = {
    get aborted() {
      if (stream !== undefined && !isRead) {
        isRead = true;
        pulled = stream.next();
      }
      return false;
    },
    reason: undefined,
    addEventListener() {},
    removeEventListener() {},
  };
  stream = engine.generateTrackedStream(REQUEST, { signal: signal as unknown as AbortSignal } as GenerateOptions);
  const { events } = await collect(stream);
  // The loop's own pull was waiting before it.
  const second = (await pulled) as { value: unknown };
  expect([...events, second.value]).toEqual([text('a'), done('a')]);
  expect(runs).toBe(1);
  const calls: unknown[] = [];
  for await (const call of engine.eventLog.calls()) calls.push(call);
  expect(calls).toHaveLength(1);
});

test('the text of a stream is left at once although a pull waits for an idle runner', async () => {
  let isAborted = false;
  setInferenceRunner(async (_request, { emit, signal }) => {
    await emit(text('a'));
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        isAborted = true;
        resolve();
      });
    });
  });
  const stream = newEngine().generateTrackedStream(REQUEST);
  const texts = stream.textStream;
  expect(await texts.next()).toEqual({ done: false, value: 'a' });
  const pull = texts.next();
  expect(await texts.return()).toEqual({ done: true, value: undefined });
  expect(await pull).toEqual({ done: true, value: undefined });
  expect(isAborted).toBe(true);
});

test('leaving a text stream that was refused as a second reader leaves the first alone', async () => {
  setInferenceRunner(async (_request, { emit }) => {
    await emit(text('a'));
    await emit(text('b'));
  });
  const stream = newEngine({ limits: { bufferedEventsMax: 1 } }).generateTrackedStream(REQUEST);
  const loop = stream[Symbol.asyncIterator]();
  expect((await loop.next()).value).toEqual(text('a'));
  const second = stream.textStream;
  await expect(second.next()).rejects.toMatchObject({ code: 'stream-locked' });
  await second.return();
  expect((await loop.next()).value).toEqual(text('b'));
  expect((await loop.next()).value).toEqual(done('ab'));
});

test('a rejected promise given to return() is thrown by it, and unhandled nowhere', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  cleanUps.push(() => process.off('unhandledRejection', note));
  let release = () => {};
  setInferenceRunner(async function* () {
    try {
      yield text('a');
      yield text('b');
    } finally {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    }
  });
  const stream = newEngine().generateTrackedStream(REQUEST);
  await stream.next();
  const left = stream.return(Promise.reject(new Error('given')) as Promise<void>);
  await new Promise((resolve) => setImmediate(resolve));
  release();
  await expect(left).rejects.toThrow('given');
  await new Promise((resolve) => setImmediate(resolve));
  expect(unhandled).toEqual([]);
});
