/** The tail of a log: everything that is recorded, once and in order, what was there and what comes; and how it ends. */
import { type EventLog, setInferenceRunner, type TailItem } from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { rejection } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { turn } from './support/gate';
import { echo, engineOf, logError, newRecording, openLog, recordCall, recordCalls } from './support/log';

afterEach(() => setInferenceRunner(null).dispose());

type Tail = AsyncGenerator<TailItem, void, undefined>;

/** What an item is about, in a word: `0:call-start`, `0:text-delta`, … */
function said(item: TailItem, names: ReadonlyMap<string, string>): string {
  const what = item.type === 'event' ? item.event.type : item.type;
  return `${names.get(item.traceId) ?? item.traceId}:${what}`;
}

async function take(tail: Tail, count: number): Promise<TailItem[]> {
  const items: TailItem[] = [];
  while (items.length < count) {
    const { value, done } = await tail.next();
    if (done) throw new Error(`the tail has ended after ${items.length} items`);
    items.push(value);
  }
  return items;
}

/** Pulls, and lets the pull come so far that it waits: until then it asks, and so does this, more often and later. */
async function waiting(log: EventLog, tail: Tail): Promise<Promise<IteratorResult<TailItem, void>>[]> {
  const pull = tail.next();
  for (let questions = 0; questions < 10; questions += 1) {
    await log.stats();
    await turn();
  }
  return [pull];
}

const LOGS = {
  durable: () => newRecording(),
  'in memory': async () => {
    setInferenceRunner(echo);
    const engine = newEngine();
    return { engine, log: engine.eventLog };
  },
};

/** Of a call whose prompt is one word: start, text-delta, done, end. */
const ITEMS = 4;

describe.each(Object.entries(LOGS))('the tail of a log that is %s', (_name, newLog) => {
  test('begins now, or at the start, or after any item, and goes on with what comes', async () => {
    const { log, engine } = await newLog();
    const first = await recordCall(engine);
    const now = log.tail();
    const all = log.tail({ from: 'start' });
    const second = await recordCall(engine);
    const names = new Map([
      [first, 'first'],
      [second, 'second'],
    ]);
    const kinds = ['call-start', 'text-delta', 'done', 'call-end'];
    const whole = await take(all, 2 * ITEMS);
    expect(whole.map((item) => said(item, names))).toEqual(
      ['first', 'second'].flatMap((name) => kinds.map((kind) => `${name}:${kind}`)),
    );
    expect((await take(now, ITEMS)).map((item) => said(item, names))).toEqual(kinds.map((kind) => `second:${kind}`));
    for (const [at, { cursor }] of whole.slice(0, -1).entries()) {
      const after = log.tail({ after: cursor });
      expect(await take(after, whole.length - at - 1)).toEqual(whole.slice(at + 1));
      await after.return();
    }
    expect(new Set(whole.map(({ cursor }) => cursor)).size).toBe(whole.length);
    await Promise.all([now.return(), all.return()]);
  });

  test('has nothing twice and nothing missing while calls go on beside it, for any number of readers', async () => {
    const { log, engine } = await newLog();
    const COUNT = 60;
    await recordCalls(engine, 20);
    const tails = [log.tail({ from: 'start' }), log.tail({ from: 'start' })];
    const recording = Promise.all([recordCalls(engine, COUNT / 3), recordCalls(engine, COUNT / 3)]);
    const [one, other] = await Promise.all(tails.map((tail) => take(tail, COUNT * (ITEMS + 1))));
    await recording;
    expect(other?.map(({ cursor }) => cursor)).toEqual(one?.map(({ cursor }) => cursor));
    const items = one as TailItem[];
    expect(new Set(items.map(({ cursor }) => cursor)).size).toBe(items.length);
    const byCall = Map.groupBy(items, ({ traceId }) => traceId);
    expect(byCall.size).toBe(COUNT);
    for (const of of byCall.values()) {
      const kinds = of.map((item) => (item.type === 'event' ? item.seq : item.type));
      expect(kinds).toEqual(['call-start', 1, 2, 3, 'call-end']);
    }
    await Promise.all(tails.map((tail) => tail.return()));
  });

  test('waits for what comes, whoever else has been served already', async () => {
    const { log, engine } = await newLog();
    const tail = log.tail();
    const [pull] = await waiting(log, tail);
    const traceId = await recordCall(engine);
    expect(await pull).toMatchObject({ done: false, value: { type: 'call-start', traceId } });
    await tail.return();
  });

  test('that waits is left at once: its pull and the leaving are answered, and it stays left', async () => {
    const { log, engine } = await newLog();
    const tail = log.tail();
    const [pull] = await waiting(log, tail);
    expect(await tail.return()).toEqual({ done: true, value: undefined });
    expect(await pull).toEqual({ done: true, value: undefined });
    await recordCall(engine);
    expect(await tail.next()).toEqual({ done: true, value: undefined });
    expect(await log.stats()).toMatchObject({ calls: 1 });
  });

  test('is left at once however far it has come with a pull', async () => {
    const { log } = await newLog();
    for (let turns = 0; turns < 12; turns += 1) {
      const tail = log.tail();
      const pull = tail.next();
      for (let turned = 0; turned < turns; turned += 1) await turn();
      expect(await tail.return()).toEqual({ done: true, value: undefined });
      expect(await pull).toEqual({ done: true, value: undefined });
    }
  });

  test('ends when the log is closed however far it has come with a pull', async () => {
    for (let turns = 0; turns < 12; turns += 1) {
      const { log, engine } = await newLog();
      await recordCall(engine);
      const { cursor } = (await take(log.tail({ from: 'start' }), ITEMS)).at(-1) as TailItem;
      // More than are answered at once, so that some are asked when the log is closed already.
      const pulls = Array.from({ length: 20 }, (_, at) => log.tail(at % 2 === 0 ? {} : { after: cursor }).next());
      for (let turned = 0; turned < turns; turned += 1) await turn();
      await log.close();
      for (const pull of pulls) expect(await pull).toEqual({ done: true, value: undefined });
    }
  });

  test('that waits can be thrown at, and disposed of', async () => {
    const { log } = await newLog();
    const tail = log.tail();
    const [pull] = await waiting(log, tail);
    const reason = new Error('enough');
    expect(await rejection(tail.throw(reason))).toBe(reason);
    expect(await pull).toEqual({ done: true, value: undefined });
    const other = log.tail();
    const [otherPull] = await waiting(log, other);
    await other[Symbol.asyncDispose]();
    expect(await otherPull).toEqual({ done: true, value: undefined });
  });

  test('can be left in the middle of a page, and before it was begun', async () => {
    const { log, engine } = await newLog();
    await recordCalls(engine, 3);
    for await (const { type } of log.tail({ from: 'start' })) {
      expect(type).toBe('call-start');
      break;
    }
    const unbegun = log.tail({ from: 'start' });
    expect(await unbegun.return()).toEqual({ done: true, value: undefined });
    expect(await unbegun.next()).toEqual({ done: true, value: undefined });
  });

  test('answers pulls that are made at once in their order', async () => {
    const { log, engine } = await newLog();
    const tail = log.tail();
    const pulls = Array.from({ length: ITEMS }, () => tail.next());
    await recordCall(engine);
    const types = (await Promise.all(pulls)).map(({ value }) => (value as TailItem).type);
    expect(types).toEqual(['call-start', 'event', 'event', 'call-end']);
    await tail.return();
  });

  test('is refused a cursor that is none', async () => {
    const { log } = await newLog();
    expect(await rejection(log.tail({ after: 'nonsense' }).next())).toMatchObject(logError('invalid-input'));
  });

  test('ends when the log is closed, whether it waits, is being read or was not begun', async () => {
    const { log, engine } = await newLog();
    await recordCalls(engine, 3);
    const waits = log.tail();
    const [pull] = await waiting(log, waits);
    const read = log.tail({ from: 'start' });
    await read.next();
    const unbegun = log.tail({ from: 'start' });
    await log.close();
    expect(await pull).toEqual({ done: true, value: undefined });
    expect(await unbegun.next()).toEqual({ done: true, value: undefined });
    let rest = 0;
    for await (const _item of read) rest += 1;
    // What was taken from the log before is still given.
    expect(rest).toBe(3 * (ITEMS + 1) - 1);
    expect(await log.tail({ from: 'start' }).next()).toEqual({ done: true, value: undefined });
  });
});

test('the tail of a handle that is closed ends, although another keeps the file open', async () => {
  const { log, path } = await newRecording();
  const other = await openLog(path);
  const tail = other.tail();
  const [pull] = await waiting(other, tail);
  await other.close();
  expect(await pull).toEqual({ done: true, value: undefined });
  expect(await log.stats()).toMatchObject({ calls: 0 });
});

test('the tail of a log that another handle only reads goes on as well', async () => {
  const { engine, path } = await newRecording();
  const reader: EventLog = await openLog(path, { access: 'read' });
  const tail = reader.tail();
  // Where only asking tells where the log ends, the first pull asks.
  const pulls = [tail.next(), tail.next()];
  for (let turns = 0; turns < 20; turns += 1) await turn();
  await reader.stats();
  const traceId = await recordCall(engine);
  expect((await Promise.all(pulls)).map(({ value }) => value)).toMatchObject([
    { type: 'call-start', traceId },
    { type: 'event', seq: 1 },
  ]);
  await tail.return();
});

test('a tail sees a call that goes on, event by event', async () => {
  const { log } = await newRecording();
  const engine = engineOf(log);
  const tail = log.tail();
  const stream = engine.generateTrackedStream({ ...REQUEST, prompt: 'a b' });
  await stream.next();
  expect(await take(tail, 2)).toMatchObject([
    { type: 'call-start', call: { status: 'open' } },
    { type: 'event', seq: 1, event: { type: 'text-delta', text: 'a' } },
  ]);
  await stream.return();
  expect(await take(tail, 1)).toMatchObject([{ type: 'call-end', call: { status: 'cancelled', text: 'a' } }]);
  await tail.return();
});
