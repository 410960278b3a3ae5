/** Calls in a log: one by its trace id, many by filters, in pages that the loop does not see. */
import { PassThrough } from 'node:stream';
import { InvalidRequestError, setInferenceRunner } from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { collect, rejection } from './support/collect';
import { MODEL, newEngine, REQUEST } from './support/engine';
import { gate } from './support/gate';
import { all, echo, logError, newPath, newRecording, openLog, recordCall, recordCalls, refsOf } from './support/log';
import { text } from './support/scripted-runner';

afterEach(() => setInferenceRunner(null).dispose());

const numbers = (from: number, to: number) =>
  Array.from({ length: Math.abs(to - from) + 1 }, (_, at) => String(from < to ? from + at : from - at));

const LOGS = {
  durable: () => newRecording(),
  'in memory': async () => {
    setInferenceRunner(echo);
    const engine = newEngine();
    return { engine, log: engine.eventLog };
  },
};

describe.each(Object.entries(LOGS))('a log that is %s', (_name, newLog) => {
  test('knows a call by its trace id, whole', async () => {
    const { log, engine } = await newLog();
    const request = {
      prompt: 'one two',
      clientRef: 'ref',
      conversationId: 'talk',
      tags: ['a', 'b'],
    };
    const before = Date.now();
    const traceId = await recordCall(engine, request);
    const call = await log.call(traceId);
    expect(call).toMatchObject({
      traceId,
      model: MODEL.id,
      hint: 'openai',
      status: 'done',
      text: 'onetwo',
      toolCalls: [],
      eventCount: 3,
      clientRef: 'ref',
      conversationId: 'talk',
      tags: ['a', 'b'],
      attempts: [{ attempt: 1, model: MODEL.id }],
      request: { model: MODEL.id, prompt: 'one two' },
    });
    const { startedAt = 0, firstEventAt = 0, endedAt = 0 } = call ?? {};
    expect(startedAt).toBeGreaterThanOrEqual(before - 1);
    expect(firstEventAt).toBeGreaterThanOrEqual(startedAt);
    expect(endedAt).toBeGreaterThanOrEqual(firstEventAt);
    // Absent stays absent.
    for (const key of ['usage', 'failure', 'erasedAt', 'parentTraceId', 'provider'])
      expect(call).not.toHaveProperty(key);
    expect(await log.call('unknown')).toBeUndefined();
    expect(await log.call('')).toBeUndefined();
  });

  test('has a call that is open, as far as it is', async () => {
    const { log, engine } = await newLog();
    const go = gate();
    setInferenceRunner(async function* () {
      yield text('first');
      await go.promise;
      yield text('last');
    });
    const stream = engine.generateTrackedStream(REQUEST);
    await stream.next();
    const open = await log.call(stream.traceId);
    expect(open).toMatchObject({ status: 'open', eventCount: 1 });
    expect(open).not.toHaveProperty('text');
    expect(await refsOf(log.calls({ status: 'open' }))).toHaveLength(1);
    go.open();
    await collect(stream);
    expect(await log.call(stream.traceId)).toMatchObject({ status: 'done', text: 'firstlast', eventCount: 3 });
    expect(await refsOf(log.calls({ status: 'open' }))).toEqual([]);
  });

  test('lists more calls than a page holds, the newest first or the oldest, as many as are asked for', async () => {
    const { log, engine } = await newLog();
    await recordCalls(engine, 120);
    expect(await refsOf(log.calls())).toEqual(numbers(119, 0));
    expect(await refsOf(log.calls({ order: 'oldest' }))).toEqual(numbers(0, 119));
    for (const limit of [1, 49, 50, 51, 100, 101, 120, 500]) {
      expect(await refsOf(log.calls({ limit }))).toEqual(numbers(119, Math.max(0, 120 - limit)));
    }
    expect(await refsOf(log.calls({ limit: 0 }))).toEqual([]);
    // From JavaScript, which no type checks, and from JSON.
    for (const limit of [undefined, null]) {
      expect(await refsOf(log.calls({ limit: limit as undefined }))).toEqual(numbers(119, 0));
    }
  });

  test('goes on after any call, whatever was recorded meanwhile', async () => {
    const { log, engine } = await newLog();
    await recordCalls(engine, 7);
    const calls = await all(log.calls({ order: 'newest' }));
    await recordCall(engine, { clientRef: 'later' });
    for (const [at, { cursor }] of calls.entries()) {
      expect(await refsOf(log.calls({ cursor }))).toEqual(calls.slice(at + 1).map(({ clientRef }) => clientRef));
    }
    const { cursor } = calls[0] as { cursor: string };
    expect(await refsOf(log.calls({ cursor, order: 'oldest' }))).toEqual(['later']);
    expect(await refsOf(log.calls({ cursor, limit: 2 }))).toEqual(['5', '4']);
  });

  test('gives each call once to a loop during which others come, and can be left', async () => {
    const { log, engine } = await newLog();
    await recordCalls(engine, 110);
    const seen: Array<string | undefined> = [];
    for await (const { clientRef } of log.calls()) {
      seen.push(clientRef);
      if (seen.length % 20 === 0) await recordCall(engine, { clientRef: 'new' });
    }
    expect(seen).toEqual(numbers(109, 0));
    for await (const { clientRef } of log.calls({ order: 'oldest' })) {
      expect(clientRef).toBe('0');
      break;
    }
    expect((await log.stats()).calls).toBe(115);
  });

  test('finds calls by what they are; every condition has to hold', async () => {
    const { log, engine } = await newLog();
    engine.registerModel({ id: 'other', source: { type: 'delegated' } });
    const parent = await recordCall(engine, { clientRef: 'a', tags: ['x', 'y'], conversationId: 'c1' });
    await recordCall(engine, { clientRef: 'b', tags: ['x'], model: 'other' });
    await recordCall(engine, { clientRef: 'c', conversationId: 'c1', parentTraceId: parent });
    setInferenceRunner(async () => {
      throw new Error('no');
    });
    await rejection(recordCall(engine, { clientRef: 'd', tags: ['y', 'x'] }));
    const stopped = engine.generateTrackedStream({ ...REQUEST, clientRef: 'e' }, { signal: AbortSignal.abort() });
    await collect(stopped);
    const found = (filter: object) => refsOf(log.calls({ order: 'oldest', ...filter }));
    expect(await found({})).toEqual(['a', 'b', 'c', 'd']);
    expect(await found({ model: 'other' })).toEqual(['b']);
    expect(await found({ status: 'failed' })).toEqual(['d']);
    expect(await found({ status: 'done' })).toEqual(['a', 'b', 'c']);
    expect(await found({ tags: ['x'] })).toEqual(['a', 'b', 'd']);
    expect(await found({ tags: ['x', 'y'] })).toEqual(['a', 'd']);
    expect(await found({ tags: [] })).toEqual(['a', 'b', 'c', 'd']);
    expect(await found({ tags: ['x', 'y'], status: 'done' })).toEqual(['a']);
    expect(await found({ conversationId: 'c1' })).toEqual(['a', 'c']);
    expect(await found({ parentTraceId: parent })).toEqual(['c']);
    expect(await found({ clientRef: 'b' })).toEqual(['b']);
    expect(await found({ clientRef: 'b', model: MODEL.id })).toEqual([]);
    expect(await found({ model: undefined, status: undefined })).toEqual(['a', 'b', 'c', 'd']);
  });

  test('finds calls by when they started: from a time on, and before one, as numbers or as Dates', async () => {
    const { log, engine } = await newLog();
    await recordCalls(engine, 3);
    const [first = 0, second = 0, third = 0] = (await all(log.calls({ order: 'oldest' }))).map(
      ({ startedAt }) => startedAt,
    );
    expect(await refsOf(log.calls({ since: second }))).toEqual(['2', '1']);
    expect(await refsOf(log.calls({ until: second }))).toEqual(['0']);
    expect(await refsOf(log.calls({ since: first, until: third }))).toEqual(['1', '0']);
    const [before, after] = [new Date(first - 1_000), new Date(third + 1_000)];
    expect(await refsOf(log.calls({ since: before, until: after }))).toEqual(['2', '1', '0']);
    expect(await refsOf(log.calls({ since: after }))).toEqual([]);
    expect(await refsOf(log.calls({ until: before }))).toEqual([]);
    expect(await refsOf(log.calls({ since: before, until: third }))).toEqual(['1', '0']);
  });

  test('says how much it holds', async () => {
    const { log, engine } = await newLog();
    expect(await log.stats()).toMatchObject({ calls: 0, openCalls: 0 });
    await recordCalls(engine, 3);
    const stream = engine.generateTrackedStream(REQUEST);
    await stream.next();
    const calls = await all(log.calls({ order: 'oldest' }));
    const stats = await log.stats();
    expect(stats).toMatchObject({
      calls: 4,
      openCalls: 1,
      oldestAt: calls[0]?.startedAt,
      newestAt: calls[3]?.startedAt,
    });
    expect(stats.bytes).toBeGreaterThan(0);
    expect(stats).not.toHaveProperty('failure');
    await stream.return();
  });
});

describe('words', () => {
  test('are found in prompts and answers, in a log that was opened for it', async () => {
    const { log, engine } = await newRecording({ fullTextSearch: true });
    await recordCall(engine, { clientRef: 'a', prompt: 'Der Mond ist aufgegangen' });
    setInferenceRunner(async () => ({ text: 'die goldnen Sternlein prangen' }));
    await recordCall(engine, { clientRef: 'b', prompt: 'am Himmel' });
    const found = (words: string) => refsOf(log.calls({ text: words }));
    expect(await found('mond')).toEqual(['a']);
    expect(await found('sternlein')).toEqual(['b']);
    expect(await found('himmel goldnen')).toEqual(['b']);
    expect(await found('"mond ist"')).toEqual(['a']);
    expect(await found('"ist mond"')).toEqual([]);
    expect(await found('mond sternlein')).toEqual([]);
    // What is written in it is looked for, and means nothing to the database.
    for (const words of ['mond OR himmel', 'prompt:mond', 'mo*', 'NEAR(mond)']) expect(await found(words)).toEqual([]);
    expect(await found("mond' --")).toEqual(['a']);
  });

  test.each([
    ['Chinese', '明天上海会下雨吗', ['上海', '下雨', '雨'], ['海上', '北京']],
    ['Japanese', 'コーヒーを飲みたいです', ['コーヒー', '飲み', 'ｺｰﾋｰ'], ['紅茶']],
    ['Korean', '부산에서 기차를 탔다', ['부산', '기차'], ['서울']],
    ['Thai', 'เราไปตลาดกันเถอะ', ['ตลาด', 'เรา'], ['ทะเล']],
    ['Vietnamese in NFD', 'Xin chào Việt Nam'.normalize('NFD'), ['chào', 'VIỆT nam'], ['chao']],
    ['Turkish', 'IŞIK \u0130zmir kapı', ['ışık', 'izmir', 'KAPI'], ['zmir']],
    ['Georgian', 'ᲥᲐᲠᲗᲣᲚᲘ', ['ქართული'], ['ქართ']],
    ['Cherokee', 'ᎦᎳᎩ', ['ꭶꮃꭹ'], ['ꮃ']],
    ['Greek and German', 'ΛΟΓΟΣ Fußball', ['λογος', 'FUSSBALL'], ['λόγος']],
  ])('of %s text are found in a durable log and in memory', async (_name, said, found, missing) => {
    const { log, engine } = await newRecording({ fullTextSearch: true });
    const inMemory = newEngine();
    for (const recording of [engine, inMemory]) await recordCall(recording, { clientRef: 'a', prompt: said });
    for (const calls of [log, inMemory.eventLog]) {
      for (const words of found) expect(await refsOf(calls.calls({ text: words })), words).toEqual(['a']);
      for (const words of missing) expect(await refsOf(calls.calls({ text: words })), words).toEqual([]);
    }
    expect(await log.verify()).toMatchObject({ ok: true });
  });

  test('cannot be looked for in another: a typed error says what to do, and the log goes on', async () => {
    const { log, engine } = await newRecording();
    const traceId = await recordCall(engine);
    const error = await rejection(all(log.calls({ text: 'hi' })));
    expect(error).toMatchObject({ ...logError('unsupported'), message: expect.stringContaining('fullTextSearch') });
    expect(await log.call(traceId)).toMatchObject({ status: 'done' });
  });

  test('are found in what was recorded before the log was opened for it', async () => {
    const path = newPath();
    const { log, engine } = await newRecording({}, path);
    await recordCall(engine, { clientRef: 'early', prompt: 'needle' });
    await log.close();
    const again = await openLog(path, { fullTextSearch: true });
    expect(await refsOf(again.calls({ text: 'needle' }))).toEqual(['early']);
  });
});

describe('the order of lists', () => {
  test('is that of starts, with words and without, also of calls that were imported later', async () => {
    const from = await newRecording({ fullTextSearch: true });
    const { log, engine } = await newRecording({ fullTextSearch: true });
    await recordCalls(from.engine, 3);
    const lines = new PassThrough();
    const exported = all<Uint8Array>(lines);
    await from.log.export(lines);
    lines.end();
    for (const clientRef of ['3', '4']) await recordCall(engine, { clientRef, prompt: `call ${clientRef}` });
    await log.import(await exported);

    const lists = [{}, { text: 'call' }, { model: MODEL.id }, { text: 'call', status: 'done' as const }];
    const calls = await all(log.calls());
    expect(calls.map(({ clientRef }) => clientRef)).toEqual(numbers(4, 0));
    for (const list of lists) {
      expect(await refsOf(log.calls(list))).toEqual(numbers(4, 0));
      for (const [at, { cursor }] of calls.entries()) {
        expect(await refsOf(log.calls({ ...list, cursor }))).toEqual(numbers(4, 0).slice(at + 1));
        const older = numbers(0, 4).slice(5 - at);
        expect(await refsOf(log.calls({ ...list, cursor, order: 'oldest' }))).toEqual(older);
      }
    }
  });

  test('is not that of another log: its cursors are refused, and the error says what to pass', async () => {
    const logs = [await newRecording(), await newRecording()].map(({ log, engine }) => ({ log, engine }));
    logs.push({
      engine: newEngine(),
      get log() {
        return this.engine.eventLog;
      },
    });
    for (const { engine } of logs) await recordCall(engine);
    const cursors = await Promise.all(logs.map(async ({ log }) => (await all(log.calls()))[0]?.cursor as string));
    for (const [at, { log }] of logs.entries()) {
      for (const [of, cursor] of cursors.entries()) {
        if (of === at) {
          expect(await all(log.calls({ cursor }))).toEqual([]);
          continue;
        }
        const error = await rejection(all(log.calls({ cursor })));
        expect(error).toBeInstanceOf(InvalidRequestError);
        const problem = { path: 'cursor', message: 'invalid cursor; pass the `cursor` of a call from this log' };
        expect(error).toMatchObject({ problems: [problem] });
      }
    }
  });
});
