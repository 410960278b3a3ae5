import {
  type EmitOutcome,
  type EventEmitter,
  LimitExceededError,
  setInferenceRunner,
  TimeoutError,
} from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { collect, eventsOf, loggedEvents, recordOf, textOf } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { gate, turn, until } from './support/gate';
import { done, text } from './support/scripted-runner';

afterEach(() => setInferenceRunner(null).dispose());

type Answer = EmitOutcome | Promise<EmitOutcome>;

test('emit answers at once while there is room', async () => {
  const answers: Answer[] = [];
  setInferenceRunner((_request, { emit }) => {
    answers.push(emit(text('a')), emit(text('b')), emit({ type: 'usage', inputTokens: 1 }));
  });
  await eventsOf(newEngine().generateTrackedStream(REQUEST));
  expect(answers).toEqual(['delivered', 'delivered', 'delivered']);
});

test('emit answers with a promise while the buffer is full, resolved when the consumer has taken events', async () => {
  const answers: Answer[] = [];
  const filled = gate();
  let settled = 0;
  setInferenceRunner(async (_request, { emit }) => {
    // One goes to the pull that waits, two are buffered, and the second of them fills the buffer.
    for (const letter of ['a', 'b', 'c']) answers.push(emit(text(letter)));
    filled.open();
    await answers[2];
    settled += 1;
  });
  const stream = newEngine({ limits: { bufferedEventsMax: 2 } }).generateTrackedStream(REQUEST);
  expect((await stream.next()).value).toEqual(text('a'));
  await filled.promise;
  await turn();
  expect(answers.slice(0, 2)).toEqual(['delivered', 'delivered']);
  expect(answers[2]).toBeInstanceOf(Promise);
  expect(settled).toBe(0);
  expect((await stream.next()).value).toEqual(text('b'));
  expect(await answers[2]).toBe('delivered');
  expect(await eventsOf(stream)).toEqual([text('c'), done('abc')]);
});

test('a runner that awaits is never ahead of its consumer by more than the buffer', async () => {
  let emitted = 0;
  setInferenceRunner(async (_request, { emit }) => {
    for (let n = 0; n < 50; n += 1) {
      await emit(text('x'));
      emitted += 1;
    }
  });
  const stream = newEngine({ limits: { bufferedEventsMax: 4 } }).generateTrackedStream(REQUEST);
  let taken = 0;
  for await (const event of stream) {
    if (event.type !== 'text-delta') continue;
    taken += 1;
    await turn();
    expect(emitted - taken).toBeLessThanOrEqual(4);
  }
  expect(taken).toBe(50);
});

test('the bytes of the buffer are bounded too', async () => {
  let emitted = 0;
  setInferenceRunner(async (_request, { emit }) => {
    for (let n = 0; n < 10; n += 1) {
      await emit(text('x'.repeat(1000)));
      emitted += 1;
    }
  });
  const stream = newEngine({ limits: { bufferedBytesMax: 3000 } }).generateTrackedStream(REQUEST);
  await stream.next();
  await turn();
  expect(emitted).toBeLessThanOrEqual(3);
  expect((await eventsOf(stream)).length).toBe(10);
});

test('a generator runner is pulled at the pace of its consumer', async () => {
  let produced = 0;
  setInferenceRunner(async function* () {
    for (let n = 0; n < 10; n += 1) {
      produced += 1;
      yield text('x');
    }
  });
  const stream = newEngine().generateTrackedStream(REQUEST);
  for (let pulls = 1; pulls <= 5; pulls += 1) {
    await stream.next();
    await turn();
    expect(produced).toBe(pulls);
  }
  await stream.return();
});

test('a runner that never awaits is stopped at the bound, after what was accepted is delivered', async () => {
  const answers: Answer[] = [];
  setInferenceRunner((_request, { emit }) => {
    for (let n = 0; n < 20; n += 1) answers.push(emit(text(`${n} `)));
  });
  const stream = newEngine({ limits: { bufferedEventsMax: 2, unawaitedEventsMax: 3 } }).generateTrackedStream(REQUEST);
  const { events, error } = await collect(stream);
  expect(error).toBeInstanceOf(LimitExceededError);
  expect(error).toMatchObject({ code: 'limit-exceeded', limit: 'unawaitedEventsMax', max: 3 });
  expect(events.map((event) => (event as { text: string }).text)).toEqual(['0 ', '1 ', '2 ', '3 ', '4 ', '5 ']);
  expect((error as LimitExceededError).text).toBe('0 1 2 3 4 5 ');
  expect(answers.at(-1)).toBe('closed');
  // Those who wait for room are let go, for nothing of it must hang.
  expect(new Set(await Promise.all(answers))).toEqual(new Set(['delivered', 'closed']));
});

test('one event that is too large ends the call', async () => {
  setInferenceRunner(async (_request, { emit }) => {
    await emit(text('small'));
    await emit(text('x'.repeat(101)));
  });
  const { events, error } = await collect(newEngine({ limits: { eventBytesMax: 100 } }).generateTrackedStream(REQUEST));
  expect(events).toEqual([text('small')]);
  expect(error).toMatchObject({ code: 'limit-exceeded', limit: 'eventBytesMax', max: 100, text: 'small' });
});

test('events that are too large together end the call', async () => {
  setInferenceRunner(async function* () {
    for (;;) yield text('0123456789');
  });
  const { events, error } = await collect(newEngine({ limits: { callBytesMax: 500 } }).generateTrackedStream(REQUEST));
  expect(error).toMatchObject({ code: 'limit-exceeded', limit: 'callBytesMax', max: 500 });
  expect(events.length).toBeGreaterThan(1);
  expect(events.length).toBeLessThanOrEqual(50);
  expect((error as LimitExceededError).text).toBe(textOf(events));
});

test('a second done and events after done are refused, noted, and reach nobody', async () => {
  const answers: Answer[] = [];
  setInferenceRunner(async (_request, { emit }) => {
    await emit(text('a'));
    answers.push(emit(done('a')), emit(done('a')), emit(text('b')), emit({ type: 'usage', inputTokens: 1 }));
  });
  const engine = newEngine();
  const stream = engine.generateTrackedStream(REQUEST);
  expect(await eventsOf(stream)).toEqual([text('a'), done('a')]);
  expect(answers).toEqual(['delivered', 'refused', 'refused', 'refused']);
  expect((await recordOf(engine, stream)).notes.map(({ code }) => code)).toEqual([
    'second-done',
    'event-after-ending',
    'event-after-ending',
  ]);
  expect(await loggedEvents(engine, stream)).toEqual([text('a'), done('a')]);
});

test('emit after the run has settled is closed, whatever is emitted', async () => {
  const emitters: EventEmitter[] = [];
  setInferenceRunner(async (_request, emitter) => {
    emitters.push(emitter);
    await emitter.emit(text('a'));
  });
  const stream = newEngine().generateTrackedStream(REQUEST);
  await eventsOf(stream);
  const [emitter] = emitters as [EventEmitter];
  expect(emitter.isClosed).toBe(true);
  for (const event of [text('b'), done(), undefined, 5]) expect(emitter.emit(event as never)).toBe('closed');
  expect((await stream.result()).text).toBe('a');
});

test('the facts of the call survive it', async () => {
  const emitters: EventEmitter[] = [];
  setInferenceRunner(async (_request, emitter) => {
    emitters.push(emitter);
    if (emitters.length === 1) throw new Error('again');
  });
  const stream = newEngine({ retry: { attemptsMax: 2, backoffMs: 0 } }).generateTrackedStream(REQUEST);
  await eventsOf(stream);
  expect(emitters.map(({ traceId, attempt, hint, model }) => [traceId, attempt, hint, model.id])).toEqual([
    [stream.traceId, 1, 'openai', 'gpt-5'],
    [stream.traceId, 2, 'openai', 'gpt-5'],
  ]);
});

test("an earlier attempt's emitter is closed and cannot speak for the next one", async () => {
  const emitters: EventEmitter[] = [];
  setInferenceRunner(async (_request, emitter) => {
    emitters.push(emitter);
    if (emitters.length === 1) throw new Error('again');
    expect(emitters[0]?.emit(text('from the first'))).toBe('closed');
    await emitter.emit(text('from the second'));
  });
  const engine = newEngine({ retry: { attemptsMax: 2, backoffMs: 0 } });
  expect((await engine.generate(REQUEST)).text).toBe('from the second');
});

test('emit in a finally after the consumer has left is closed', async () => {
  const answer = gate<Answer>();
  setInferenceRunner(async function* (_request, { emit }) {
    try {
      yield text('a');
      yield text('b');
    } finally {
      answer.open(emit(text('too late')));
    }
  });
  for await (const _event of newEngine().generateTrackedStream(REQUEST)) break;
  expect(await answer.promise).toBe('closed');
});

test('usage emitted while stopping still counts', async () => {
  setInferenceRunner(async function* (_request, { emit }) {
    try {
      yield text('a');
      yield text('b');
    } finally {
      emit({ type: 'usage', outputTokens: 9 });
    }
  });
  const engine = newEngine();
  const stream = engine.generateTrackedStream(REQUEST);
  for await (const _event of stream) break;
  expect((await recordOf(engine, stream)).usage).toEqual({ outputTokens: 9 });
});

test('a generator may also emit', async () => {
  setInferenceRunner(async function* (_request, { emit }) {
    yield text('a');
    emit({ type: 'warning', message: 'between' });
    yield text('b');
  });
  expect(await eventsOf(newEngine().generateTrackedStream(REQUEST))).toEqual([
    text('a'),
    { type: 'warning', message: 'between' },
    text('b'),
    done('ab'),
  ]);
});

describe('what a generator emits beside its yields', () => {
  test('is slowed by the buffer as well', async () => {
    let emitted = 0;
    setInferenceRunner(async function* (_request, { emit }) {
      for (; emitted < 20; emitted += 1) await emit(text('x'));
      yield text('y');
    });
    const stream = newEngine({ limits: { bufferedEventsMax: 4 } }).generateTrackedStream(REQUEST);
    let taken = 0;
    for await (const event of stream) {
      if (event.type !== 'text-delta' || event.text !== 'x') continue;
      taken += 1;
      await turn();
      expect(emitted - taken).toBeLessThanOrEqual(4);
    }
    expect(taken).toBe(20);
    expect((await stream.result()).text).toBe(`${'x'.repeat(20)}y`);
  });

  test('without awaiting ends the call at the bound', async () => {
    setInferenceRunner(async function* (_request, { emit }) {
      for (let n = 0; n < 20; n += 1) emit(text(`${n} `));
      yield text('end');
    });
    const stream = newEngine({ limits: { bufferedEventsMax: 2, unawaitedEventsMax: 3 } }).generateTrackedStream(
      REQUEST,
    );
    const { error } = await collect(stream);
    expect(error).toMatchObject({ code: 'limit-exceeded', limit: 'unawaitedEventsMax', text: '0 1 2 3 4 5 ' });
  });

  test('is not taken for silence while it waits for a consumer', async () => {
    const engine = newEngine({ limits: { bufferedEventsMax: 1 } });
    setInferenceRunner(async function* (_request, { emit, clientRef }) {
      if (clientRef === 'clock') await new Promise(() => {});
      emit(text('a'));
      await emit(text('b'));
      yield text('c');
    });
    const stream = engine.generateTrackedStream(REQUEST, { timeouts: { firstEventMs: 40, idleMs: 40 } });
    await stream.next();
    // Another call's time is the clock: it runs out much later.
    const clock = engine.generateTrackedStream(
      { ...REQUEST, clientRef: 'clock' },
      { timeouts: { firstEventMs: 160, graceMs: 1 } },
    );
    expect((await collect(clock)).error).toBeInstanceOf(TimeoutError);
    expect(await eventsOf(stream)).toEqual([text('b'), text('c'), done('abc')]);
  });
});

test('asking for the result beside a loop does not make a runner overrun that awaits', async () => {
  setInferenceRunner(async (_request, { emit }) => {
    for (const letter of 'abcdef') await emit(text(letter));
  });
  const stream = newEngine({ limits: { bufferedEventsMax: 1, unawaitedEventsMax: 1 } }).generateTrackedStream(REQUEST);
  await stream.next();
  await turn();
  const result = stream.result();
  await turn();
  expect((await eventsOf(stream)).length).toBe(6);
  expect((await result).text).toBe('abcdef');
});

test('a second attempt is not ended for what the first has left in the buffer', async () => {
  const failed = gate();
  const answers: Answer[] = [];
  setInferenceRunner(async (_request, { attempt, emit }) => {
    const usage = { type: 'usage', inputTokens: attempt } as const;
    if (attempt === 1) {
      emit(usage);
      emit(usage); // Told to wait, and does not.
      failed.open();
      throw new Error('again');
    }
    answers.push(emit(usage));
    await answers[0];
    await emit(text('a'));
  });
  const engine = newEngine({
    limits: { bufferedEventsMax: 1, unawaitedEventsMax: 2 },
    retry: { attemptsMax: 2, backoffMs: 0 },
  });
  const stream = engine.generateTrackedStream(REQUEST);
  await stream.next();
  await failed.promise;
  // The second attempt begins while nobody pulls.
  await until(() => answers.length > 0);
  expect(answers[0]).toBeInstanceOf(Promise);
  expect((await eventsOf(stream)).at(-1)).toEqual(done('a'));
});

test('a done that delivers the last straw completes the call', async () => {
  const signals: AbortSignal[] = [];
  setInferenceRunner(async (_request, { emit, signal }) => {
    signals.push(signal);
    // One goes to the pull that waits; the half that done cuts off is the last that may wait unawaited.
    for (const event of [text('a'), text('b\ud83d'), done()]) emit(event);
    await turn();
    expect(signal.aborted).toBe(false);
  });
  const stream = newEngine({ limits: { bufferedEventsMax: 1, unawaitedEventsMax: 1 } }).generateTrackedStream(REQUEST);
  expect(await eventsOf(stream)).toEqual([text('a'), text('b'), text('\ufffd'), done('ab\ufffd')]);
  expect(signals[0]?.aborted).toBe(false);
});
