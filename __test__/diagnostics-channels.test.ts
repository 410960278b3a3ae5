// What calls publish on node:diagnostics_channel: a start, a first event and an ending each, whatever becomes of them.
import { AsyncLocalStorage } from 'node:async_hooks';
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  type CallEndMessage,
  type CallFirstEventMessage,
  type CallStartMessage,
  type InferenceEngine,
  setInferenceRunner,
  TimeoutError,
} from 'car-inference';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { collect, rejection } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { gate, turn, until } from './support/gate';
import { ScriptedRunner, text } from './support/scripted-runner';
import { Thread } from './support/thread';

type AnyMessage = CallStartMessage & Partial<CallFirstEventMessage> & Partial<CallEndMessage>;

const NAMES = ['start', 'first-event', 'end'].map((name) => `car-inference:call:${name}`);
let published: Array<{ name: string; message: AnyMessage; asPublished: AnyMessage }> = [];

function record(message: unknown, name: string | symbol): void {
  const given = message as AnyMessage;
  const asPublished = { ...given, attributes: { ...given.attributes } };
  published.push({ name: String(name).replace('car-inference:call:', ''), message: given, asPublished });
}

const names = () => published.map(({ name }) => name);
const last = () => published.at(-1)?.asPublished as CallEndMessage;

beforeEach(() => {
  published = [];
  for (const name of NAMES) subscribe(name, record);
});

afterEach(() => {
  for (const name of NAMES) unsubscribe(name, record);
  setInferenceRunner(null).dispose();
});

test('a call publishes its start, its first event and its ending, with the same growing object', async () => {
  setInferenceRunner(
    new ScriptedRunner({
      events: [
        text('a'),
        text('b'),
        { type: 'usage', inputTokens: 3, outputTokens: 2, cacheReadInputTokens: 1 },
        { type: 'stop-reason', reason: 'stop', raw: 'end_turn' },
      ],
    }),
  );
  const stream = newEngine().generateTrackedStream({
    ...REQUEST,
    clientRef: 'ref-1',
    params: { maxTokens: 9, temperature: 0.5, stop: ['x'] },
  });
  const before = Date.now();
  await collect(stream);
  expect(names()).toEqual(['start', 'first-event', 'end']);
  const [start, first, end] = published.map(({ asPublished }) => asPublished);
  expect(start).toEqual({
    traceId: stream.traceId,
    model: 'gpt-5',
    hint: 'openai',
    clientRef: 'ref-1',
    startedAt: expect.any(Number),
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-5',
      'gen_ai.request.max_tokens': 9,
      'gen_ai.request.temperature': 0.5,
      'gen_ai.request.stop_sequences': ['x'],
    },
  });
  expect(start?.startedAt).toBeGreaterThanOrEqual(before);
  expect(first).toEqual({ ...start, firstEventType: 'text-delta', firstEventMs: expect.any(Number) });
  expect(end).toEqual({
    ...first,
    status: 'done',
    modelUsed: 'gpt-5',
    durationMs: expect.any(Number),
    usage: { inputTokens: 3, outputTokens: 2, cacheReadInputTokens: 1 },
    attributes: {
      ...start?.attributes,
      'gen_ai.response.model': 'gpt-5',
      'gen_ai.response.finish_reasons': ['end_turn'],
      'gen_ai.usage.input_tokens': 3,
      'gen_ai.usage.output_tokens': 2,
      'gen_ai.usage.cache_read.input_tokens': 1,
    },
  });
  expect(end?.durationMs).toBeGreaterThanOrEqual(first?.firstEventMs as number);
  expect(new Set(published.map(({ message }) => message)).size).toBe(1);
});

test('nothing of the prompt and nothing of the answer is published', async () => {
  setInferenceRunner(new ScriptedRunner({ events: [text('the answer')] }));
  await newEngine()
    .generate({ ...REQUEST, prompt: 'the prompt', system: 'the system' } as never)
    .catch(() => {});
  expect(names().at(-1)).toBe('end');
  expect(JSON.stringify(published)).not.toMatch(/the (answer|prompt|system)/);
});

test('a runner that only returns its result publishes `done` as the first event', async () => {
  setInferenceRunner(async () => ({ text: 'all at once' }));
  await newEngine().generate(REQUEST);
  expect(names()).toEqual(['start', 'first-event', 'end']);
  expect(last().firstEventType).toBe('done');
});

test('a failed call ends with the very error that its consumer catches', async () => {
  setInferenceRunner(
    new ScriptedRunner({ events: [text('a')], fails: Object.assign(new Error('no'), { status: 500 }) }),
  );
  const error = await rejection(newEngine().generate(REQUEST));
  expect(names()).toEqual(['start', 'first-event', 'end']);
  expect(last()).toMatchObject({ status: 'failed', error, modelUsed: 'gpt-5' });
  expect(last().error).toBe(error);
  expect(last().attributes['error.type']).toBe('runner-failed');
});

test.each([
  ['no runner', REQUEST, 'no-runner'],
  ['a model that nobody knows', { model: 'gpt-6', prompt: 'hi' }, 'model-not-found'],
  ['a request that is not valid', { model: 'gpt-5', prompt: 1n }, 'invalid-request'],
])('%s: the call starts and ends without a first event', async (_why, request, code) => {
  const error = await rejection(newEngine().generate(request as never));
  expect(names()).toEqual(['start', 'end']);
  expect(last()).toMatchObject({ status: 'failed' });
  expect(last().error).toBe(error);
  expect(last().attributes['error.type']).toBe(code);
});

test('a timeout says so', async () => {
  setInferenceRunner((_request, { cancelled }) => cancelled() as Promise<never>);
  await rejection(newEngine({ timeouts: { firstEventMs: 2, graceMs: 2 } }).generate(REQUEST));
  expect(last().status).toBe('timeout');
  expect(last().error).toBeInstanceOf(TimeoutError);
});

test('cancelled, aborted, left, detached and forgotten calls get their ending, each once', async () => {
  const ends = new Map<string | undefined, string>();
  const note = (message: unknown) => {
    const { traceId, status } = message as CallEndMessage;
    expect(ends.has(traceId)).toBe(false);
    ends.set(traceId, status);
  };
  subscribe('car-inference:call:end', note);
  const release = gate();
  setInferenceRunner(async function* () {
    yield text('a');
    await release.promise;
    yield text('b');
  });
  const engine = newEngine();
  const controller = new AbortController();
  const [cancelled, left, detached, abortedCall] = [0, 1, 2, 3].map((n) =>
    engine.generateTrackedStream(REQUEST, n === 3 ? { signal: controller.signal } : {}),
  );
  for (const stream of [cancelled, left, detached, abortedCall]) await stream?.next();
  const ids = [cancelled, left, detached, abortedCall].map((stream) => stream?.traceId);
  const stops = [cancelled?.cancel(), left?.return()];
  detached?.detach();
  controller.abort();
  release.open();
  await Promise.all(stops);
  await until(() => ends.size === 4);
  expect(ids.map((id) => ends.get(id))).toEqual(['cancelled', 'cancelled', 'done', 'cancelled']);

  // Forgotten: the runner waits for a pull that nobody will make.
  const forgotten = await (async () => {
    const stream = engine.generateTrackedStream(REQUEST);
    await stream.next();
    return stream.traceId;
  })();
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc');
  await until(() => {
    collectGarbage();
    return ends.has(forgotten);
  });
  expect(ends.get(forgotten)).toBe('cancelled');
  unsubscribe('car-inference:call:end', note);
});

test('a call whose runner lives in another thread publishes in the thread of its consumer', async () => {
  await using thread = new Thread();
  await thread.ask('register', { events: [text('a')], repeat: 50 });
  await newEngine().generate(REQUEST);
  await thread.ask('register', { fails: { message: 'no' } });
  await rejection(newEngine().generate(REQUEST));
  expect(names()).toEqual(['start', 'first-event', 'end', 'start', 'end']);
  expect(published[2]?.asPublished.status).toBe('done');
  expect(last()).toMatchObject({ status: 'failed', attributes: { 'error.type': 'runner-failed' } });

  // And not in the thread of its runner.
  setInferenceRunner(new ScriptedRunner({ events: [text('a')] }));
  published = [];
  await thread.ask('open', { request: REQUEST });
  await thread.ask('result');
  expect(published).toEqual([]);
});

test('subscribers run in the context of the call, and what is bound to the start is there in the runner', async () => {
  const context = new AsyncLocalStorage<string>();
  const spans = new AsyncLocalStorage<object>();
  const seen: unknown[] = [];
  const note = (_message: unknown, name: string | symbol) => seen.push([name, context.getStore()]);
  for (const name of NAMES) subscribe(name, note);
  channel('car-inference:call:start').bindStore(spans, (message) => ({
    spanOf: (message as CallStartMessage).traceId,
  }));
  try {
    const inRunner: unknown[] = [];
    setInferenceRunner(async function* () {
      inRunner.push(spans.getStore());
      yield text('a');
      inRunner.push(spans.getStore());
      await turn();
      inRunner.push(spans.getStore());
    });
    const stream = context.run('call', () => newEngine().generateTrackedStream(REQUEST));
    await context.run('consumer', async () => {
      for await (const _event of stream) expect(spans.getStore()).toBeUndefined();
    });
    expect(inRunner).toEqual(Array.from({ length: 3 }, () => ({ spanOf: stream.traceId })));
    expect(seen).toEqual(NAMES.map((name) => [name, 'call']));

    // A call that is opened and never pulled ends where it is cancelled.
    seen.length = 0;
    const unread = context.run('call', () => newEngine().generateTrackedStream(REQUEST));
    context.run('reader', () => unread.traceId);
    context.run('canceller', () => unread.cancel());
    expect(seen).toEqual([NAMES[0], NAMES[2]].map((name) => [name, 'call']));
  } finally {
    channel('car-inference:call:start').unbindStore(spans);
    for (const name of NAMES) unsubscribe(name, note);
  }
});

test('a subscriber that throws breaks no call: Node reports it as an uncaught exception', async () => {
  const broken = new Error('a broken subscriber');
  const breaks = () => {
    throw broken;
  };
  const uncaught: unknown[] = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => uncaught.push(error));
  for (const name of NAMES) subscribe(name, breaks);
  try {
    setInferenceRunner(new ScriptedRunner({ events: [text('a')] }));
    expect((await newEngine().generate(REQUEST)).text).toBe('a');
    await until(() => uncaught.length === 3);
    expect(uncaught).toEqual([broken, broken, broken]);
  } finally {
    for (const name of NAMES) unsubscribe(name, breaks);
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
  }
});

test('a subscriber may use the engine, and close it', async () => {
  setInferenceRunner(new ScriptedRunner({ events: [text('a')] }));
  const engine = newEngine();
  const closed: Array<Promise<void>> = [];
  const close = () => closed.push(engine.close('cancel'));
  subscribe('car-inference:call:first-event', close);
  try {
    await expect(engine.generate(REQUEST)).rejects.toMatchObject({ code: 'cancelled' });
    await Promise.all(closed);
    expect(names()).toEqual(['start', 'first-event', 'end']);
  } finally {
    unsubscribe('car-inference:call:first-event', close);
  }
});

test('a call that began before anyone listened stays silent, so that each ending has its start', async () => {
  for (const name of NAMES) unsubscribe(name, record);
  setInferenceRunner(async function* () {
    yield text('a');
    yield text('b');
  });
  const stream = newEngine().generateTrackedStream(REQUEST);
  await stream.next();
  for (const name of NAMES) subscribe(name, record);
  await collect(stream);
  expect(published).toEqual([]);
});

test('a listener of one channel alone is served', async () => {
  for (const name of NAMES.slice(0, 2)) unsubscribe(name, record);
  setInferenceRunner(new ScriptedRunner({ events: [text('a')] }));
  await newEngine().generate(REQUEST);
  expect(names()).toEqual(['end']);
  expect(last()).toMatchObject({ status: 'done', firstEventType: 'text-delta', model: 'gpt-5' });
});

test('nobody listens: a call reads no request and no model for a message', async () => {
  for (const name of NAMES) unsubscribe(name, record);
  setInferenceRunner(new ScriptedRunner({ events: [text('a')] }));
  const { parse } = JSON;
  /** How much JSON a call reads. */
  const readBy = async (engine: InferenceEngine) => {
    let reads = 0;
    JSON.parse = (...given: Parameters<typeof parse>) => {
      reads += 1;
      return parse(...given);
    };
    await engine.generate(REQUEST).finally(() => {
      JSON.parse = parse;
    });
    return reads;
  };
  const engine = newEngine();
  await readBy(engine); // The first call of an engine reads its settings.
  const unheard = await readBy(engine);
  for (const name of NAMES) subscribe(name, record);
  expect(await readBy(engine)).toBe(unheard + 2); // The request and the models.
});
