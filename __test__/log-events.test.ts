/** One call's events in a log: in order, in ranges, over pages that the loop does not see. When they are durable. */
import { type GenerateRequest, setInferenceRunner } from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { eventsOf } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { EVERY_EVENT } from './support/every-event';
import { all, echo, eventsIn, newRecording, openLog, recordCall } from './support/log';
import { text } from './support/scripted-runner';

afterEach(() => setInferenceRunner(null).dispose());

const LOGS = {
  durable: () => newRecording(),
  'in memory': async () => {
    setInferenceRunner(echo);
    const engine = newEngine();
    return { engine, log: engine.eventLog };
  },
};

/** As many words as the prompt says. */
async function* counting({ prompt }: GenerateRequest) {
  for (let number = 1; number <= Number(prompt); number += 1) yield text(`${number} `);
}

describe.each(Object.entries(LOGS))('a log that is %s', (_name, newLog) => {
  test('has what the consumer saw, in the same order, with numbers without gaps and times that never go back', async () => {
    const { log, engine } = await newLog();
    setInferenceRunner(counting);
    const stream = engine.generateTrackedStream({ ...REQUEST, prompt: '1500' });
    const seen = await eventsOf(stream);
    const logged = await eventsIn(log, stream.traceId);
    expect(logged.map(({ event }) => event)).toEqual(seen);
    expect(logged.map(({ seq }) => seq)).toEqual(seen.map((_, at) => at + 1));
    expect(logged.every(({ attempt }) => attempt === 1)).toBe(true);
    const times = logged.map(({ at }) => at);
    expect([...times].sort((a, b) => a - b)).toEqual(times);
    const { startedAt = 0, endedAt = 0, eventCount } = (await log.call(stream.traceId)) ?? {};
    expect(times[0]).toBeGreaterThanOrEqual(startedAt);
    expect(times.at(-1)).toBeLessThanOrEqual(endedAt);
    expect(eventCount).toBe(1501);
  });

  test.each([
    [{ from: 1, to: 3 }, 1, 3],
    [{ from: 510, to: 515 }, 510, 515],
    [{ to: 512 }, 1, 512],
    [{ to: 513 }, 1, 513],
    [{ from: 2 }, 2, 1101],
    [{ from: 0 }, 1, 1101],
    [{ from: 1101 }, 1101, 1101],
    [{ from: 77, to: 1_100 }, 77, 1_100],
    [{ from: 1_000, to: 2 ** 53 - 1 }, 1_000, 1_101],
    [{ from: undefined, to: undefined }, 1, 1_101],
  ])('gives the range %o, both ends included', async (range, first, last) => {
    const { log, engine } = await newLog();
    setInferenceRunner(counting);
    const traceId = await recordCall(engine, { prompt: '1100' });
    const seqs = (await all(log.events(traceId, range as object))).map(({ seq }) => seq);
    expect(seqs).toEqual(Array.from({ length: last - first + 1 }, (_, at) => first + at));
  });

  test('has nothing outside of a call', async () => {
    const { log, engine } = await newLog();
    const traceId = await recordCall(engine);
    for (const range of [{ from: 3 }, { from: 2, to: 1 }, { to: 0 }]) {
      expect(await all(log.events(traceId, range))).toEqual([]);
    }
    expect(await eventsIn(log, 'unknown')).toEqual([]);
  });

  test('has every kind of event as the runner sent it', async () => {
    const { log, engine } = await newLog();
    setInferenceRunner(async (_request, { emit }) => {
      for (const event of EVERY_EVENT) await emit(event);
    });
    const stream = engine.generateTrackedStream(REQUEST);
    const seen = await eventsOf(stream);
    expect((await eventsIn(log, stream.traceId)).map(({ event }) => event)).toEqual(seen);
  });

  test('can be read while the call goes on, and the loop can be left', async () => {
    const { log, engine } = await newLog();
    setInferenceRunner(counting);
    const stream = engine.generateTrackedStream({ ...REQUEST, prompt: '3' });
    await stream.next();
    await stream.next();
    expect((await eventsIn(log, stream.traceId)).map(({ event }) => event)).toEqual([text('1 '), text('2 ')]);
    for await (const { seq } of log.events(stream.traceId)) {
      expect(seq).toBe(1);
      break;
    }
    await stream.return();
    expect(await log.call(stream.traceId)).toMatchObject({ status: 'cancelled', text: '1 2 ', eventCount: 2 });
  });

  test('tells the attempts of a call apart', async () => {
    const { log, engine } = await newLog();
    let runs = 0;
    setInferenceRunner(async () => {
      runs += 1;
      if (runs === 1) throw Object.assign(new Error('busy'), { status: 429 });
      return { text: 'at last' };
    });
    const { traceId } = await engine.generate(REQUEST, { retry: { attemptsMax: 2, backoffMs: 1 } });
    expect((await eventsIn(log, traceId)).map(({ attempt }) => attempt)).toEqual([2]);
    const { attempts } = (await log.call(traceId)) ?? {};
    expect(attempts).toMatchObject([{ attempt: 1, failure: { code: 'runner-failed' } }, { attempt: 2 }]);
    expect(attempts?.[1]).not.toHaveProperty('failure');
  });
});

describe('what is durable', () => {
  test('has a number that only grows, and everything before it is on the disk after flush()', async () => {
    const { log, engine, path } = await newRecording({ durability: 'relaxed' });
    const begin = log.durableSeq;
    await recordCall(engine);
    await log.flush();
    const flushed = log.durableSeq;
    expect(flushed).toBeGreaterThan(begin);
    expect((await log.stats()).durableSeq).toBe(flushed);
    const reader = await openLog(path, { access: 'read' });
    expect(await reader.stats()).toMatchObject({ calls: 1, openCalls: 0 });
    await log.flush();
    expect(log.durableSeq).toBe(flushed);
  });

  test.each(['call', 'strict', 'event'] as const)(
    'is the ending of each call in `%s` once it is delivered',
    async (durability) => {
      const { log, engine, path } = await newRecording({ durability });
      const reader = await openLog(path, { access: 'read' });
      const traceId = await recordCall(engine);
      expect(log.durableSeq).toBeGreaterThanOrEqual(3);
      expect(await reader.call(traceId)).toMatchObject({ status: 'done', text: 'hi' });
    },
  );

  test('is each event in `event` before it is delivered', async () => {
    const { engine, path } = await newRecording({ durability: 'event' });
    setInferenceRunner(counting);
    const reader = await openLog(path, { access: 'read' });
    const stream = engine.generateTrackedStream({ ...REQUEST, prompt: '5' });
    let seen = 0;
    for await (const event of stream) {
      seen += 1;
      const logged = await eventsIn(reader, stream.traceId);
      expect(logged.length).toBeGreaterThanOrEqual(seen);
      expect(logged[seen - 1]?.event).toEqual(event);
    }
    expect(seen).toBe(6);
  });

  test('is nothing of a log in memory that could be counted on, yet flush() and close() are fine', async () => {
    const engine = newEngine();
    setInferenceRunner(echo);
    await recordCall(engine);
    await engine.eventLog.flush();
    expect(engine.eventLog.durableSeq).toBeGreaterThan(0);
    expect(engine.eventLog.failure).toBeUndefined();
  });
});
