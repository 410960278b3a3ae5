/** Closing a log: once for good, whoever does what at that moment, and what is told to whoever comes later. */
import { readdirSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { EventLog, LogError, setInferenceRunner } from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { collect, rejection } from './support/collect';
import { REQUEST } from './support/engine';
import { turn } from './support/gate';
import {
  all,
  echo,
  engineOf,
  eventsIn,
  logError,
  newPath,
  newRecording,
  openLog,
  recordCall,
  recordCalls,
} from './support/log';
import { aborted, text } from './support/scripted-runner';

afterEach(() => setInferenceRunner(null).dispose());

/** Everything that can be asked of a log. */
const QUESTIONS: Record<string, (log: EventLog) => Promise<unknown>> = {
  call: (log) => log.call('id'),
  calls: (log) => all(log.calls()),
  events: (log) => all(log.events('id')),
  stats: (log) => log.stats(),
  flush: (log) => log.flush(),
  prune: (log) => log.prune({ maxCalls: 1 }),
  erase: (log) => log.erase({ traceId: 'id' }),
  verify: (log) => log.verify(),
  backup: (log) => log.backup(newPath()),
  checkpoint: (log) => log.checkpoint(new Uint8Array(32)),
  rotateKey: (log) => log.rotateKey(new Uint8Array(32)),
};

describe('a log', () => {
  test('is closed as often as one likes, also at once', async () => {
    const { log, engine } = await newRecording();
    await recordCall(engine);
    await Promise.all([log.close(), log.close()]);
    await log.close();
    await log[Symbol.asyncDispose]();
  });

  test('answers each question after that with a typed error, whose reason says what it is', async () => {
    const { log, engine } = await newRecording();
    await recordCall(engine);
    await log.close();
    for (const [question, ask] of Object.entries(QUESTIONS)) {
      const error = await rejection(ask(log)).catch((answered) => [question, answered]);
      expect(error, question).toBeInstanceOf(LogError);
      expect(error, question).toMatchObject(logError('closed'));
    }
  });

  test('takes no calls after that, and those that were open fail', async () => {
    const { log, engine } = await newRecording();
    setInferenceRunner(async (_request, { emit, signal }) => {
      await emit(text('first'));
      await aborted(signal);
    });
    const open = engine.generateTrackedStream(REQUEST);
    await open.next();
    await log.close();
    expect(await rejection(recordCall(engine))).toMatchObject(logError('closed'));
    await open.return();
    await engine.close('cancel');
  });

  test('is closed at the end of its block', async () => {
    const path = newPath();
    let seen: EventLog;
    {
      await using log = await EventLog.open(path);
      seen = log;
      setInferenceRunner(echo);
      await recordCall(engineOf(log));
    }
    expect(await rejection(seen.stats())).toMatchObject(logError('closed'));
    expect(readdirSync(dirname(path)).filter((file) => /-(wal|shm)$/.test(file))).toEqual([]);
  });

  test('has recorded a call that was open as interrupted, with what had come of it', async () => {
    const path = newPath();
    const { log, engine } = await newRecording({}, path);
    const stream = engine.generateTrackedStream({ ...REQUEST, prompt: 'one two' });
    await stream.next();
    await log.close();
    const { failed } = await collect(stream);
    expect(failed).toBe(true);
    const again = await openLog(path);
    expect(await again.call(stream.traceId)).toMatchObject({ status: 'interrupted' });
    expect((await eventsIn(again, stream.traceId))[0]?.event).toEqual(text('one'));
    expect(await again.verify()).toMatchObject({ ok: true });
  });

  test('answers what was asked before it was closed, or says that it is closed; nothing hangs', async () => {
    const { log, engine } = await newRecording();
    await recordCalls(engine, 10);
    const asked = Promise.allSettled(Object.values(QUESTIONS).map((ask) => ask(log)));
    await turn();
    await log.close();
    for (const { status, reason } of (await asked) as PromiseRejectedResult[]) {
      if (status === 'rejected') expect(reason).toBeInstanceOf(LogError);
    }
  });

  test('says where it lies and why it takes nothing any more', async () => {
    const { log, path } = await newRecording();
    expect(log.path).toBe(path);
    expect(log.failure).toBeUndefined();
    await log.close();
    expect(log.path).toBe(path);
    expect(log.failure).toMatchObject(logError('closed'));
  });

  test('that was moved away fails, says so, and refuses calls; what was recorded is there', async () => {
    const { log, engine, path } = await newRecording();
    const traceId = await recordCall(engine);
    await log.flush();
    renameSync(path, `${path}.elsewhere`);
    const error = await rejection(recordCall(engine));
    expect(error).toMatchObject(logError('moved'));
    expect(log.failure).toBeInstanceOf(LogError);
    expect(log.failure).toMatchObject(logError('moved'));
    expect(await rejection(recordCall(engine))).toMatchObject(logError('moved'));
    expect(await rejection(log.flush())).toMatchObject(logError('moved'));
    expect(await rejection(log.close())).toMatchObject(logError('moved'));
    expect(await rejection(log.close())).toMatchObject(logError('moved'));
    // The engine's end is none of the log's.
    await engine.close('drain');
    expect(traceId).toBeTypeOf('string');
  });

  test('that has failed lets calls go on unrecorded where the engine says so', async () => {
    const { log, path } = await newRecording();
    const engine = engineOf(log, { onLogFailure: 'continue' });
    await recordCall(engine);
    renameSync(path, `${path}.elsewhere`);
    for (let calls = 0; calls < 3; calls += 1) expect((await engine.generate(REQUEST)).text).toBe('hi');
    expect(log.failure).toMatchObject(logError('moved'));
    await rejection(log.close());
  });
});
