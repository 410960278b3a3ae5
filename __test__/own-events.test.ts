/**
 * An event that somebody holds is their own. What the runner does to its object afterwards changes neither the
 * consumer's nor the log's, and what the consumer does to its event changes nothing for the others.
 */
import { type RunnerEvent, type RunnerLike, setInferenceRunner } from 'car-inference';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventsOf, loggedEvents } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { EVERY_EVENT } from './support/every-event';
import { turn } from './support/gate';
import { bothWays } from './support/scripted-runner';
import { Thread } from './support/thread';
import { changingRunner, scramble } from './support/workers/hostile-values.mjs';

const DONE = { type: 'done', text: 'some text', toolCalls: [{ id: 'c1', name: 'search', arguments: { q: 'x' } }] };
const ALL = [...EVERY_EVENT, DONE];

const thread = new Thread();
let expected: Record<string, unknown>;

beforeAll(async () => {
  setInferenceRunner(bothWays(EVERY_EVENT)['an emitter runner']);
  const { traceId: _id, ...result } = await newEngine().generate(REQUEST);
  expected = result;
});
afterAll(() => thread.terminate());
afterEach(() => setInferenceRunner(null).dispose());

const TWO = ['emits', 'yields'] as const;

describe.each(TWO)('a runner here that %s', (way) => {
  test('may change its object at once: the waiting events, the log and the result are as they were', async () => {
    setInferenceRunner(changingRunner(way, EVERY_EVENT));
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST);
    const first = await stream.next();
    await turn(); // An emitter has handed over and changed all by now.
    expect([first.value, ...(await eventsOf(stream))]).toEqual(ALL);
    expect(await loggedEvents(engine, stream)).toEqual(ALL);
    expect(await stream.result()).toEqual({ ...expected, traceId: stream.traceId });
    await turn(); // Now it has changed its result too.
    expect(await stream.result()).toEqual({ ...expected, traceId: stream.traceId });
  });

  test('keeps its object whatever the consumer does to its event, and so do the log and the result', async () => {
    const handed: RunnerEvent[] = EVERY_EVENT.map((event) => structuredClone(event));
    setInferenceRunner(bothWays(handed)[way === 'emits' ? 'an emitter runner' : 'a generator runner']);
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST);
    for await (const event of stream) scramble(event);
    expect(handed).toEqual(EVERY_EVENT);
    expect(await stream.result()).toEqual({ ...expected, traceId: stream.traceId });
    for (let reading = 0; reading < 2; reading += 1) {
      const logged = await loggedEvents(engine, stream);
      expect(logged).toEqual(ALL);
      for (const event of logged) scramble(event);
    }
  });

  test('and its consumer in another thread: each event is its own there too', async () => {
    setInferenceRunner(changingRunner(way, EVERY_EVENT));
    await thread.ask('open', { request: REQUEST });
    expect(await thread.ask('collectAndChange')).toEqual(ALL);
    expect(await thread.ask('logged')).toEqual(ALL);
    expect((await thread.ask('result')).value).toMatchObject(expected);
  });
});

describe.each(TWO)('a runner in another thread that %s', (way) => {
  test('may change its object at once, and the consumer its event', async () => {
    await thread.ask('registerChanging', { way, events: EVERY_EVENT });
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST);
    const seen: unknown[] = [];
    for await (const event of stream) {
      seen.push(structuredClone(event));
      scramble(event);
    }
    expect(seen).toEqual(ALL);
    expect(await loggedEvents(engine, stream)).toEqual(ALL);
    expect(await stream.result()).toEqual({ ...expected, traceId: stream.traceId });
  });
});

describe.each([...TWO])('events that wait side by side, of a runner that %s', (way) => {
  test('are two objects although the runner handed over one twice', async () => {
    const event = { type: 'custom', name: 'x', data: { n: [1] } };
    const runner = bothWays([event, event])[way === 'emits' ? 'an emitter runner' : 'a generator runner'];
    setInferenceRunner(runner as RunnerLike);
    const engine = newEngine();
    const [first, second] = (await eventsOf(engine.generateTrackedStream(REQUEST))) as unknown as Array<{
      data: object;
    }>;
    scramble(first);
    expect(second).toEqual(event);
  });
});

test("what a call tells its runner is the runner's own: request, model and facts", async () => {
  const seen: unknown[] = [];
  setInferenceRunner(async (request, emitter) => {
    seen.push(structuredClone([request, emitter.model]));
    scramble(request);
    scramble(emitter.model);
    if (seen.length % 2 === 1) throw new Error('again');
  });
  const engine = newEngine({ retry: { attemptsMax: 2, backoffMs: 0 } });
  const models = engine.models;
  await engine.generate(REQUEST);
  await engine.generate(REQUEST);
  for (const other of seen) expect(other).toEqual(seen[0]);
  expect(engine.models).toEqual(models);
  scramble(models);
  expect(engine.models).not.toEqual(models);
});

test('what is told of a failure is its own each time it is read', async () => {
  const body = { error: { type: 'overloaded' } };
  setInferenceRunner(async () => {
    throw Object.assign(new Error('no'), { body });
  });
  const engine = newEngine();
  const stream = engine.generateTrackedStream(REQUEST);
  const error = (await stream.result().catch((thrown) => thrown)) as { body: unknown };
  scramble(error.body);
  expect(body).toEqual({ error: { type: 'overloaded' } });
  expect((await engine.eventLog.call(stream.traceId))?.failure?.runner?.body).toEqual(body);
});
