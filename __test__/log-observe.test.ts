/** Observers of a log: every batch in order, at their own pace, at nobody's cost. */
import { type EventLog, setInferenceRunner, type TailItem } from 'car-inference';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { newEngine, REQUEST } from './support/engine';
import { gate, turn, until } from './support/gate';
import { echo, engineOf, newPath, newRecording, openLog, recordCall, recordCalls } from './support/log';

/** Of `recordCalls`: start, two deltas, done, end. */
const ITEMS = 5;

let warnings: Error[] = [];
beforeEach(() => {
  warnings = [];
  const take = (warning: Error) => warnings.push(warning);
  process.on('warning', take);
  onTestFinished(() => {
    process.off('warning', take);
  });
});
afterEach(() => setInferenceRunner(null).dispose());

const LOGS = {
  durable: () => newRecording(),
  'in memory': async () => {
    setInferenceRunner(echo);
    const engine = newEngine();
    return { engine, log: engine.eventLog };
  },
};

async function tailOf(log: EventLog, count: number): Promise<TailItem[]> {
  const items: TailItem[] = [];
  for await (const item of log.tail({ from: 'start' })) if (items.push(item) === count) break;
  return items;
}

const cursors = (items: readonly TailItem[]) => items.map(({ cursor }) => cursor);

describe.each(Object.entries(LOGS))('an observer of a log that is %s', (_name, newLog) => {
  test('is given everything from now on, in the order of the tail, in batches', async () => {
    const { log, engine } = await newLog();
    await recordCalls(engine, 2);
    const seen: TailItem[] = [];
    const stop = log.observe((batch) => seen.push(...batch));
    await recordCalls(engine, 30);
    await until(() => seen.length >= 30 * ITEMS);
    expect(cursors(seen)).toEqual(cursors(await tailOf(log, 32 * ITEMS)).slice(2 * ITEMS));
    stop();
    expect(warnings).toEqual([]);
  });

  test('that is slow slows no call: the next batch holds what came meanwhile', async () => {
    const { log, engine } = await newLog();
    const go = gate();
    const batches: TailItem[][] = [];
    log.observe(async (batch) => {
      batches.push(batch);
      await go.promise;
    });
    await recordCalls(engine, 1);
    await until(() => batches.length === 1);
    await recordCalls(engine, 20);
    for (let turns = 0; turns < 20; turns += 1) await turn();
    expect(batches.length).toBe(1);
    go.open();
    await until(() => batches.flat().length === 21 * ITEMS);
    expect(cursors(batches.flat())).toEqual(cursors(await tailOf(log, 21 * ITEMS)));
  });

  test.each<[string, () => unknown, string]>([
    [
      'throws',
      () => {
        throw new Error('broken observer');
      },
      'broken observer',
    ],
    ['rejects', () => Promise.reject(new Error('broken observer')), 'broken observer'],
    ['throws a text', () => Promise.reject('broken observer'), 'broken observer'],
    ['throws undefined', () => Promise.reject(undefined), 'undefined'],
    ['throws what has no text', () => Promise.reject(Object.create(null)), 'cannot be read'],
    [
      'throws a revoked proxy',
      () => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return Promise.reject(proxy);
      },
      'cannot be read',
    ],
  ])('that %s fails no call: a warning says so, and the next batch comes', async (_name, fail, says) => {
    const { log, engine } = await newLog();
    const seen: TailItem[] = [];
    const stop = log.observe((batch) => {
      seen.push(...batch);
      return fail();
    });
    await recordCalls(engine, 1);
    await until(() => seen.length === ITEMS);
    await recordCalls(engine, 1);
    await until(() => seen.length === 2 * ITEMS && warnings.length >= 2);
    for (const { message } of warnings) expect(message).toContain(says);
    stop();
  });

  test('that is ended hears no more, and others do', async () => {
    const { log, engine } = await newLog();
    const [ended, other]: [TailItem[], TailItem[]] = [[], []];
    const stop = log.observe((batch) => ended.push(...batch));
    log.observe((batch) => other.push(...batch));
    await recordCalls(engine, 1);
    await until(() => ended.length === ITEMS);
    stop();
    stop();
    await recordCalls(engine, 2);
    await until(() => other.length === 3 * ITEMS);
    expect(ended.length).toBe(ITEMS);
  });

  test('may end itself, and make calls', async () => {
    const { log, engine } = await newLog();
    let batches = 0;
    const inner = gate<string>();
    const stop = log.observe(async () => {
      batches += 1;
      stop();
      inner.open(await recordCall(engine));
    });
    await recordCall(engine);
    expect(await log.call(await inner.promise)).toMatchObject({ status: 'done' });
    expect(batches).toBe(1);
  });

  test('is nothing to close() that would be waited for, and close() is no failure to it', async () => {
    const { log, engine } = await newLog();
    const begun = gate();
    log.observe(() => {
      begun.open();
      return new Promise(() => {});
    });
    log.observe(() => {});
    await recordCall(engine);
    await begun.promise;
    await log.close();
    for (let turns = 0; turns < 20; turns += 1) await turn();
    expect(warnings).toEqual([]);
  });
});

test('an observer can be given when the log is opened', async () => {
  const seen: TailItem[] = [];
  const log = await openLog(newPath(), { observe: (batch) => seen.push(...batch) });
  setInferenceRunner(echo);
  const traceId = await recordCall(engineOf(log), REQUEST);
  await until(() => seen.at(-1)?.type === 'call-end');
  expect(seen.every((item) => item.traceId === traceId)).toBe(true);
});

test('an observer of a handle that is closed hears no more, although another handle records on', async () => {
  const { engine, path } = await newRecording();
  const seen: TailItem[] = [];
  const other = await openLog(path, {});
  other.observe((batch) => seen.push(...batch));
  await other.close();
  await recordCalls(engine, 1);
  await engine.eventLog.flush();
  for (let turns = 0; turns < 20; turns += 1) await turn();
  expect(seen).toEqual([]);
  expect(warnings).toEqual([]);
});

test('closing tells observers what was recorded until then, and waits a second at most for those that are slow', async () => {
  const { log, engine } = await newRecording();
  const seen: TailItem[] = [];
  log.observe((batch) => seen.push(...batch));
  log.observe(() => new Promise(() => {}));
  await Promise.all(Array.from({ length: 300 }, () => recordCall(engine)));
  await log.close();
  expect(seen.filter(({ type }) => type === 'call-end')).toHaveLength(300);
  expect(warnings).toEqual([]);
});

test('closing right after a call tells observers of it, although they have just asked for more', async () => {
  for (let round = 0; round < 20; round += 1) {
    const { log, engine } = await newRecording();
    const seen: TailItem[] = [];
    log.observe((batch) => seen.push(...batch));
    await recordCall(engine);
    await log.close();
    expect(seen.at(-1)?.type).toBe('call-end');
  }
});
