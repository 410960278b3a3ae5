/** Opening a durable log: where it lies, with whom it is shared, who closes it, what stays on the disk. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { EventLog, InferenceEngine, LogError, setInferenceRunner } from 'car-inference';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { rejection } from './support/collect';
import { MODEL } from './support/engine';
import { all, echo, engineOf, logError, newFolder, newPath, newRecording, openLog, recordCall } from './support/log';
import { LogProcess } from './support/log-actor';

afterEach(() => setInferenceRunner(null).dispose());

/** All rows that plain SQLite reads. */
function rows(path: string, query: string): unknown[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return database
      .prepare(query)
      .all()
      .map((row) => ({ ...row }));
  } finally {
    database.close();
  }
}

function filesBeside(path: string): string[] {
  return readdirSync(dirname(path)).sort();
}

describe('where a log lies', () => {
  test.each<[string, (path: string) => string | URL]>([
    ['a path', (path) => path],
    ['the text of a file: URL', (path) => pathToFileURL(path).href],
    ['a file: URL', (path) => pathToFileURL(path)],
  ])('%s, also with spaces, percent signs and umlauts in it', async (_name, from) => {
    const path = join(newFolder(), 'ein Ordner', '100 % größer #1.db');
    const log = await EventLog.open(from(path));
    expect(log.path).toBe(path);
    expect(existsSync(path)).toBe(true);
    await log.close();
  });

  test('a relative path is that of the working directory as it is when the log is opened', async () => {
    const [here, there, elsewhere] = [process.cwd(), newFolder(), newFolder()];
    onTestFinished(() => process.chdir(here));
    process.chdir(there);
    const log = await openLog('calls.db');
    process.chdir(elsewhere);
    expect(log.path).toBe(join(there, 'calls.db'));
    setInferenceRunner(echo);
    const traceId = await recordCall(engineOf(log));
    expect(await log.call(traceId)).toMatchObject({ status: 'done' });
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  test('the files are the owner’s alone, and so is a folder that is made for them', async () => {
    const path = join(newFolder(), 'new', 'calls.db');
    const log = await openLog(path);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    for (const file of filesBeside(path)) expect(statSync(join(dirname(path), file)).mode & 0o077).toBe(0);
    await log.close();
  });

  test.each<[string, () => unknown, string]>([
    ['a folder', () => newFolder(), 'invalid-path'],
    ['nothing', () => '', 'invalid-path'],
    ['SQLite’s name for memory', () => ':memory:', 'invalid-path'],
    ['a NUL', () => 'calls\0.db', 'invalid-path'],
    ['another scheme', () => 'https://example.com/calls.db', 'invalid-path'],
    ['a URL of another scheme', () => new URL('https://example.com/calls.db'), 'invalid-path'],
    ['a URL of another host', () => new URL('file://example.com/calls.db'), 'invalid-path'],
    ['the text of a URL of another host', () => 'file://example.com/calls.db', 'invalid-path'],
    ['a URL with parameters', () => `${pathToFileURL(newPath()).href}?mode=ro`, 'invalid-path'],
  ])('%s is none: the reason says so', async (_name, path, reason) => {
    const given = path() as string;
    const error = await rejection(EventLog.open(given));
    expect(error).toBeInstanceOf(LogError);
    expect(error).toMatchObject(logError(reason));
    expect(() => new InferenceEngine({ eventLog: given })).toThrow(expect.objectContaining(logError(reason)));
  });

  test('somebody else’s file is not touched, and nothing but an empty lock is put beside it', async () => {
    const path = newPath();
    writeFileSync(path, 'a diary, and no log, however long it is: '.repeat(100), { mode: 0o644 });
    const before = readFileSync(path);
    expect(await rejection(EventLog.open(path))).toMatchObject(logError('not-a-log'));
    expect(() => engineOf(path)).toThrow(expect.objectContaining(logError('not-a-log')));
    expect(readFileSync(path)).toEqual(before);
    expect(statSync(path).mode & 0o777).toBe(0o644);
    for (const file of filesBeside(path).filter((name) => name !== 'calls.db')) {
      expect(file).toBe('calls.db-lock');
      expect(statSync(join(dirname(path), file)).size).toBe(0);
    }
  });

  test('somebody else’s database is not touched', async () => {
    const path = newPath();
    const database = new DatabaseSync(path);
    database.exec('CREATE TABLE mine (a); INSERT INTO mine VALUES (1)');
    database.close();
    expect(await rejection(EventLog.open(path))).toMatchObject(logError('not-a-log'));
    expect(rows(path, 'SELECT a FROM mine')).toEqual([{ a: 1 }]);
  });

  test('reading a log that is not there makes none', async () => {
    const path = newPath();
    expect(await rejection(EventLog.open(path, { access: 'read' }))).toBeInstanceOf(LogError);
    expect(filesBeside(path)).toEqual([]);
  });
});

describe('an engine that is given a path', () => {
  test('opens the log at once and closes it with itself, leaving one file that plain SQLite reads', async () => {
    setInferenceRunner(echo);
    const path = newPath();
    const engine = engineOf(path);
    expect(existsSync(path)).toBe(true);
    expect(engine.eventLog.path).toBe(path);
    const { traceId } = await engine.generate({ model: MODEL.id, prompt: 'one two', tags: ['a'], clientRef: 'r' });
    await engine.close('drain');
    expect(filesBeside(path).filter((name) => /-(wal|shm)$/.test(name))).toEqual([]);
    expect(rows(path, 'SELECT trace_id, model, status, text, client_ref, event_count FROM calls')).toEqual([
      { trace_id: traceId, model: MODEL.id, status: 'done', text: 'onetwo', client_ref: 'r', event_count: 3 },
    ]);
    const events = rows(path, 'SELECT seq, attempt, type, event FROM events ORDER BY seq') as Array<{ event: string }>;
    expect(events.map(({ event, ...rest }) => ({ ...rest, event: JSON.parse(event) }))).toEqual([
      { seq: 1, attempt: 1, type: 'text-delta', event: { type: 'text-delta', text: 'one' } },
      { seq: 2, attempt: 1, type: 'text-delta', event: { type: 'text-delta', text: 'two' } },
      { seq: 3, attempt: 1, type: 'done', event: { type: 'done', text: 'onetwo', toolCalls: [] } },
    ]);
    expect(await rejection(engine.eventLog.stats())).toMatchObject(logError('closed'));
  });

  test('as a URL too', async () => {
    const path = newPath();
    const engine = engineOf(pathToFileURL(path));
    expect(engine.eventLog.path).toBe(path);
    await engine.close('drain');
  });

  test('makes no file when its other options are wrong', () => {
    const path = newPath();
    const wrong = { eventLog: path, timeouts: { idleMs: -1 } };
    expect(() => new InferenceEngine(wrong)).toThrow(expect.objectContaining({ code: 'invalid-request' }));
    expect(filesBeside(path)).toEqual([]);
  });

  test('closes it at the end of its block as well', async () => {
    setInferenceRunner(echo);
    const path = newPath();
    {
      await using engine = engineOf(path);
      await recordCall(engine);
    }
    expect(filesBeside(path).filter((name) => /-(wal|shm)$/.test(name))).toEqual([]);
    expect(rows(path, 'SELECT status FROM calls')).toEqual([{ status: 'done' }]);
  });
});

describe('an engine that is given a log', () => {
  test('leaves it open, and after a drain its file alone holds everything', async () => {
    const { log, engine, path } = await newRecording();
    expect(engine.eventLog).toBe(log);
    const traceId = await recordCall(engine);
    await engine.close('drain');
    const { walBytes } = await log.stats();
    expect(walBytes).toBe(0);
    expect(await log.call(traceId)).toMatchObject({ status: 'done' });
    expect(rows(path, 'SELECT trace_id FROM calls')).toEqual([{ trace_id: traceId }]);
  });

  test('shares it with other engines', async () => {
    const { log, engine } = await newRecording();
    const other = engineOf(log);
    const ids = await Promise.all([recordCall(engine), recordCall(other), recordCall(engine)]);
    const found = await all(log.calls());
    expect(found.map(({ traceId }) => traceId).sort()).toEqual(ids.sort());
    await other.close('drain');
    expect(await recordCall(engine)).toBeTypeOf('string');
    expect(await log.verify()).toMatchObject({ ok: true, calls: 4 });
  });

  test('that is closed makes no calls', async () => {
    const log = await openLog();
    await log.close();
    setInferenceRunner(echo);
    const engine = engineOf(log);
    expect(await rejection(recordCall(engine))).toMatchObject(logError('closed'));
    await engine.close('drain');
  });
});

describe('one file, opened more than once', () => {
  test('in one thread: the handles share it, and it stays open until the last is closed', async () => {
    setInferenceRunner(echo);
    const path = newPath();
    const [first, second] = [engineOf(path), engineOf(path)];
    const third = await openLog(path);
    const ids = [await recordCall(first), await recordCall(second)];
    expect((await all(third.calls())).map(({ traceId }) => traceId).sort()).toEqual([...ids].sort());
    await first.close();
    await third.close();
    ids.push(await recordCall(second));
    expect((await all(second.eventLog.calls())).length).toBe(3);
    await second.close();
    expect(rows(path, 'SELECT count(*) AS calls FROM calls')).toEqual([{ calls: 3 }]);
  });

  test('by other names of its folder too', async () => {
    const path = newPath();
    const log = await openLog(path);
    const same = await openLog(join(dirname(path), '..', dirname(path).split('/').at(-1) as string, 'calls.db'));
    expect(same.path).toBe(log.path);
  });

  test('with other options it is refused, and stays as it is', async () => {
    const path = newPath();
    const log = await openLog(path, { durability: 'relaxed' });
    expect(await rejection(EventLog.open(path, { durability: 'event' }))).toMatchObject(logError('invalid-input'));
    expect(() => engineOf(path)).toThrow(expect.objectContaining(logError('invalid-input')));
    expect(await log.stats()).toMatchObject({ calls: 0 });
  });

  test('again while it is being closed: it is waited for', async () => {
    setInferenceRunner(echo);
    const path = newPath();
    for (const durability of ['call', 'strict', 'relaxed', 'event', 'call'] as const) {
      const log = await EventLog.open(path, { durability });
      await recordCall(engineOf(log));
      const closing = log.close();
      const next = await openLog(path, { lockWaitMs: durability === 'strict' ? 1 : 0 }).catch((error) => error);
      // Whoever asks before the closing has begun finds it open with other options, which is no lock.
      if (next instanceof EventLog) await next.close();
      else expect(next).toMatchObject(logError('invalid-input'));
      await closing;
    }
    expect(await (await openLog(path)).stats()).toMatchObject({ calls: 5 });
  });

  test('by many who wait for another process: they keep nobody else’s questions waiting', async () => {
    const held = newPath();
    const other = new LogProcess();
    await other.ask('open', { path: held });
    const waiting = Array.from({ length: 20 }, () => EventLog.open(held, { lockWaitMs: 600_000 }));
    const { log, engine } = await newRecording();
    const traceId = await recordCall(engine);
    expect(await log.call(traceId)).toMatchObject({ status: 'done' });
    await other.ask('close');
    for (const opened of await Promise.all(waiting)) await opened.close();
  });

  test('read-only beside one that writes: it sees what is recorded, and records nothing', async () => {
    const { engine, path } = await newRecording();
    const reader = await openLog(path, { access: 'read' });
    const traceId = await recordCall(engine);
    expect(await reader.call(traceId)).toMatchObject({ status: 'done' });
    expect(await rejection(recordCall(engineOf(reader)))).toMatchObject(logError('unsupported'));
    expect(await rejection(reader.prune({ maxCalls: 0 }))).toMatchObject(logError('unsupported'));
    await reader.flush();
  });

  test('in a worker thread: both record to it', async () => {
    const { log, engine, path } = await newRecording();
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads');
       const { InferenceEngine } = require('car-inference');
       const models = [{ id: 'gpt-5', source: { type: 'delegated', hint: 'openai' } }];
       const engine = new InferenceEngine({ models, eventLog: workerData });
       engine.generate({ model: 'gpt-5', prompt: 'from the worker' })
         .then(async ({ traceId }) => { await engine.close('drain'); return traceId; })
         .then((traceId) => parentPort.postMessage(traceId));`,
      { eval: true, workerData: path },
    );
    const theirs = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    const ours = await recordCall(engine);
    expect(new Set((await all(log.calls())).map(({ traceId }) => traceId))).toEqual(new Set([ours, theirs]));
    expect(await log.verify()).toMatchObject({ ok: true });
    await worker.terminate();
  });
});
