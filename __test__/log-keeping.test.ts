/** Keeping a log: pruning, erasing, copying, verifying, stating where it ends. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { type Checkpoint, EventLog, setInferenceRunner } from 'car-inference';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { rejection } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { gate, turn, until } from './support/gate';
import {
  all,
  echo,
  engineOf,
  eventsIn,
  logError,
  newFolder,
  newPath,
  newRecording,
  openLog,
  recordCall,
  recordCalls,
  refsOf,
} from './support/log';

let warnings: Error[] = [];
beforeEach(() => {
  warnings = [];
  const take = (warning: Error) => warnings.push(warning);
  process.on('warning', take);
  onTestFinished(() => {
    process.off('warning', take);
  });
});
afterEach(() => {
  setInferenceRunner(null).dispose();
});

const LOGS = {
  durable: () => newRecording(),
  'in memory': async () => {
    setInferenceRunner(echo);
    const engine = newEngine();
    return { engine, log: engine.eventLog };
  },
};

describe.each(Object.entries(LOGS))('a log that is %s', (_name, newLog) => {
  test('is pruned to so many calls, the oldest first, without those to keep and those that are open', async () => {
    const { log, engine } = await newLog();
    const open = engine.generateTrackedStream({ ...REQUEST, clientRef: 'open', prompt: 'a b' });
    await open.next();
    await recordCall(engine, { clientRef: 'kept', tags: ['keep'] });
    await recordCalls(engine, 5);
    expect(await log.prune({ maxCalls: 4, keep: ['keep'] })).toMatchObject({ calls: 3 });
    expect(await refsOf(log.calls())).toEqual(['4', '3', 'kept', 'open']);
    expect(await log.prune({ maxAge: 1e9 })).toMatchObject({ calls: 0 });
    expect(await log.prune({ maxAge: 0 })).toMatchObject({ calls: 3 });
    await open.return();
    expect(await refsOf(log.calls())).toEqual(['open']);
    expect(await log.prune({ maxBytes: 0 })).toMatchObject({ calls: 1 });
    expect(await log.stats()).toMatchObject({ calls: 0, openCalls: 0 });
    // And goes on.
    expect(await log.call(await recordCall(engine))).toMatchObject({ status: 'done' });
  });

  test('of no bounds is refused, and leaves everything', async () => {
    const { log, engine } = await newLog();
    await recordCalls(engine, 3);
    await expect(log.prune({})).rejects.toThrow(/required.*maxAge.*maxCalls.*maxBytes/);
    await expect(log.prune(undefined as never)).rejects.toThrow(/required.*maxAge.*maxCalls.*maxBytes/);
    await expect(log.erase(undefined as never)).rejects.toThrow(/required.*traceId.*tag/);
    expect((await log.stats()).calls).toBe(3);
  });

  test('forgets what a call said, and knows still when it was, with which model and how it ended', async () => {
    const { log, engine } = await newLog();
    const traceId = await recordCall(engine, { prompt: 'secret', clientRef: 'who', tags: ['x'], conversationId: 'c' });
    const before = await log.call(traceId);
    expect(await log.erase({ traceId })).toEqual({ traceIds: [traceId] });
    const { status, model, startedAt, endedAt, firstEventAt, eventCount } = before ?? {};
    const after = await log.call(traceId);
    expect(after).toMatchObject({ traceId, status, model, startedAt, endedAt, firstEventAt, eventCount, tags: [] });
    expect(after?.erasedAt).toBeGreaterThanOrEqual(endedAt as number);
    for (const key of ['request', 'clientRef', 'conversationId', 'text'])
      expect(after?.[key as 'text']).toBeUndefined();
    expect(await eventsIn(log, traceId)).toEqual([]);
    expect(await log.erase({ traceId })).toEqual({ traceIds: [] });
    expect(await log.erase({ traceId: 'unknown' })).toEqual({ traceIds: [] });
  });

  test('forgets what all calls of a label said', async () => {
    const { log, engine } = await newLog();
    const ids = [await recordCall(engine, { tags: ['gdpr', 'a'] }), await recordCall(engine, { tags: ['gdpr'] })];
    const other = await recordCall(engine, { tags: ['gdpr2'] });
    const { traceIds } = await log.erase({ tag: 'gdpr' });
    expect(traceIds.sort()).toEqual(ids.sort());
    expect(await log.call(other)).toMatchObject({ text: 'hi' });
    expect(await log.erase({ tag: 'gdpr' })).toEqual({ traceIds: [] });
  });

  test('erases a call that is open: at once what it said, and whatever it says until it ends', async () => {
    const { log, engine } = await newLog();
    const closed = await recordCall(engine, { tags: ['gdpr'] });
    const stream = engine.generateTrackedStream({ ...REQUEST, prompt: 'a b', tags: ['gdpr', 'x'] });
    const { traceId } = stream;
    await stream.next();
    expect(await log.erase({ tag: 'gdpr' })).toEqual({ traceIds: [closed], pendingTraceIds: [traceId] });
    for (const target of [{ tag: 'gdpr' }, { tag: 'x' }, { traceId }]) {
      expect(await log.erase(target)).toEqual({ traceIds: [], pendingTraceIds: [traceId] });
    }
    const pending = await log.call(traceId);
    expect(pending).toMatchObject({ status: 'open', tags: [], eraseRequestedAt: expect.any(Number) });
    expect(pending?.request).toBeUndefined();
    expect(pending?.erasedAt).toBeUndefined();
    const { text } = await stream.result();
    expect(text).toBe('ab');
    const erased = await log.call(traceId);
    expect(erased).toMatchObject({ status: 'done', tags: [], toolCalls: [] });
    expect(erased?.erasedAt).toBeGreaterThanOrEqual(erased?.endedAt as number);
    for (const key of ['request', 'text', 'eraseRequestedAt']) expect(erased?.[key as 'text']).toBeUndefined();
    expect(await eventsIn(log, traceId)).toEqual([]);
    expect(await log.erase({ tag: 'gdpr' })).toEqual({ traceIds: [] });
    const later = await recordCall(engine, { tags: ['gdpr'] });
    expect(await log.call(later)).toMatchObject({ text: 'hi', tags: ['gdpr'] });
  });

  test('is pruned to so many bytes, which stats() counts as prune() does, and not one call more', async () => {
    const { log, engine } = await newLog();
    const empty = (await log.stats()).bytes;
    await recordCalls(engine, 120);
    const { bytes } = await log.stats();
    for (const share of [0.9, 0.8]) {
      const maxBytes = Math.round(bytes * share);
      const before = (await log.stats()).calls;
      const { calls } = await log.prune({ maxBytes });
      const after = await log.stats();
      expect(after.calls).toBe(before - calls);
      const fitting = (120 * (maxBytes - empty)) / (bytes - empty);
      expect(after.calls).toBeGreaterThan(fitting * 0.7);
      expect(after.bytes).toBeLessThanOrEqual(maxBytes);
      for (let idle = 0; idle < 3; idle += 1) expect(await log.prune({ maxBytes })).toEqual({ calls: 0, bytes: 0 });
      expect((await log.stats()).bytes).toBe(after.bytes);
    }
  });
});

test('a log that is pruned after every few calls stays as small as it should, and holds as many calls as before', async () => {
  const { log, engine, path } = await newRecording();
  const maxBytes = 200_000;
  const left: number[] = [];
  for (let round = 0; round < 12; round += 1) {
    await recordCalls(engine, 50);
    await log.prune({ maxBytes });
    const { bytes, calls, walBytes } = await log.stats();
    expect(bytes).toBeLessThanOrEqual(maxBytes);
    expect([statSync(path).size, walBytes]).toEqual([bytes, 0]);
    left.push(calls);
  }
  const [third = 0, last = 0] = [left[3], left.at(-1)];
  expect(last).toBeGreaterThan(third * 0.9);
  expect(await log.verify()).toMatchObject({ ok: true });
});

test('retention by size keeps the newest calls that fit', async () => {
  const path = newPath();
  const maxBytes = 150_000;
  const { log, engine } = await newRecording({ retention: { maxBytes }, retentionIntervalMs: 1 }, path);
  await recordCalls(engine, 150);
  for (let stats = await log.stats(); stats.bytes > maxBytes; stats = await log.stats()) await turn();
  const { calls } = await log.stats();
  expect(calls).toBeGreaterThan(30);
  expect(await log.prune({ maxBytes })).toMatchObject({ calls: 0 });
  expect(await log.verify()).toMatchObject({ ok: true, calls });
});

test('a log in memory has no copy, no chain and no key', async () => {
  const { eventLog } = newEngine();
  const asked = [
    eventLog.backup(newPath()),
    eventLog.verify(),
    eventLog.checkpoint(new Uint8Array(32)),
    eventLog.rotateKey(new Uint8Array(32)),
  ];
  for (const question of asked) expect(await rejection(question)).toMatchObject(logError('unsupported'));
});

test('what was erased is in none of the files', async () => {
  const { log, engine, path } = await newRecording();
  const traceId = await recordCall(engine, { prompt: 'needle-in-a-haystack', tags: ['needle-tag'] });
  await recordCalls(engine, 3);
  await log.flush();
  const bytes = () => ['', '-wal'].map((suffix) => readFileSync(path + suffix).toString('latin1')).join('');
  expect(bytes()).toContain('needle-in-a-haystack');
  await log.erase({ traceId });
  expect(bytes()).not.toContain('needle');
  expect(await log.verify()).toMatchObject({ ok: true, erased: [traceId], calls: 4 });
});

test('a log that is opened with retention keeps everything until that is due, and then removes by itself', async () => {
  const path = newPath();
  const { log, engine } = await newRecording({}, path);
  await recordCalls(engine, 3);
  await log.close();
  const retention = { maxCalls: 1 };
  const early = await openLog(path, { retention, retentionIntervalMs: 3_600_000 });
  expect((await early.stats()).calls).toBe(3);
  expect(await early.prune({ maxCalls: 2 })).toMatchObject({ calls: 1 });
  await early.close();
  const due = await openLog(path, { retention, retentionIntervalMs: 1 });
  for (let calls = 2; calls > 1; calls = (await due.stats()).calls) {
    await turn();
  }
  expect(await due.verify()).toMatchObject({ ok: true, calls: 1 });
});

describe('a copy', () => {
  test.each<[string, (path: string) => string | URL]>([
    ['a path', (path) => path],
    ['a URL', (path) => pathToFileURL(path)],
  ])('is made at %s while calls go on, and is a log of its own', async (_name, from) => {
    const { log, engine } = await newRecording();
    await recordCalls(engine, 10);
    const copy = join(newFolder(), 'new', 'copy.db');
    const [ids] = await Promise.all([recordCalls(engine, 10), log.backup(from(copy))]);
    expect(statSync(copy).mode & 0o077).toBe(0);
    const opened = await openLog(copy);
    const { calls } = await opened.stats();
    expect(calls).toBeGreaterThanOrEqual(10);
    expect(await opened.verify()).toMatchObject({ ok: true });
    await recordCall(engineOf(opened));
    expect((await log.stats()).calls).toBe(20);
    expect(ids.length).toBe(10);
  });

  test('never takes the place of a file', async () => {
    const { log, path } = await newRecording();
    expect(await rejection(log.backup(path))).toMatchObject(logError('invalid-path'));
    expect(await rejection(log.backup(newFolder()))).toMatchObject(logError('invalid-path'));
    expect(await rejection(log.backup('https://example.com/x'))).toMatchObject(logError('invalid-path'));
    expect(await log.stats()).toMatchObject({ calls: 0 });
  });
});

/** Changes a log behind its back, while nobody has it open. */
function tamper(path: string, statement: string): void {
  const database = new DatabaseSync(path);
  database.exec(statement);
  database.close();
}

describe('verify()', () => {
  test.each([
    ['an answer', "UPDATE calls SET text = 'no' WHERE id = (SELECT max(id) FROM calls)"],
    ['an event', "UPDATE records SET data = '[]' WHERE kind = 'events'"],
    ['a status', "UPDATE calls SET status = 'failed'"],
    ['a call that is gone', 'DELETE FROM calls WHERE id = (SELECT min(id) FROM calls)'],
    ['a record that is gone', 'DELETE FROM records WHERE position = 2'],
  ])('finds %s that was changed', async (_name, statement) => {
    const { log, engine, path } = await newRecording();
    await recordCalls(engine, 3);
    expect(await log.verify()).toMatchObject({ ok: true, calls: 3, erased: [], prunedCalls: 0 });
    await log.close();
    tamper(path, statement);
    const { ok, problem } = await (await openLog(path, { access: 'read' })).verify();
    expect(ok).toBe(false);
    expect(problem).toMatchObject({ table: expect.any(String), message: expect.any(String) });
  });

  test('knows what was pruned from what was removed', async () => {
    const { log, engine } = await newRecording();
    await recordCalls(engine, 5);
    await log.prune({ maxCalls: 2 });
    expect(await log.verify()).toMatchObject({ ok: true, calls: 2, prunedCalls: 3 });
  });

  test('finds with a checkpoint that the end is missing, or all of it another', async () => {
    const { log, engine } = await newRecording();
    await recordCalls(engine, 2);
    const copy = newPath();
    await log.backup(copy);
    await recordCalls(engine, 2);
    const checkpoint = await log.checkpoint(new Uint8Array(32).fill(7));
    await recordCalls(engine, 1);
    expect(await log.verify({ checkpoint })).toMatchObject({ ok: true });
    expect(await log.verify({ checkpoint, publicKey: checkpoint.publicKey })).toMatchObject({ ok: true });
    expect(await log.verify({ checkpoint, publicKey: 'ab'.repeat(32) })).toMatchObject({ ok: false });
    expect(await log.verify({ checkpoint: { ...checkpoint, count: checkpoint.count - 1 } })).toMatchObject({
      ok: false,
    });
    const short = await openLog(copy);
    expect(await short.verify()).toMatchObject({ ok: true });
    expect(await short.verify({ checkpoint })).toMatchObject({ ok: false });
    const other = await newRecording();
    await recordCalls(other.engine, 10);
    expect(await other.log.verify({ checkpoint })).toMatchObject({ ok: false });
  });
});

describe('a checkpoint', () => {
  const seed = Buffer.from(Array.from({ length: 32 }, (_, at) => at));
  const pem = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
    format: 'der',
    type: 'pkcs8',
  });

  test('is signed with the same key, whether it is given as a seed, a KeyObject or PEM', async () => {
    const { log, engine } = await newRecording();
    await recordCalls(engine, 1);
    const forms = [seed, new Uint8Array(seed), pem, String(pem.export({ format: 'pem', type: 'pkcs8' }))];
    const made: Checkpoint[] = [];
    for (const key of forms) made.push(await log.checkpoint(key));
    expect(new Set(made.map(({ publicKey }) => publicKey)).size).toBe(1);
    for (const checkpoint of made) expect(await log.verify({ checkpoint })).toMatchObject({ ok: true });
    const { logId, count, head, atUs, publicKey, signature } = made[0] as Checkpoint;
    // Whoever has no part of this package can check it too.
    const { x } = pem.export({ format: 'jwk' });
    expect(Buffer.from(publicKey, 'hex').toString('base64url')).toBe(x);
    const said = ['car-inference checkpoint 1', logId, count, head, atUs, publicKey]
      .map((line) => `${line}\n`)
      .join('');
    expect(verify(null, Buffer.from(said), createPublicKey(pem), Buffer.from(signature, 'hex'))).toBe(true);
  });

  test('is made of no other key', async () => {
    const { log } = await newRecording();
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    for (const key of [rsa, String(rsa.export({ format: 'pem', type: 'pkcs8' })), 'x', 5, null, new Uint8Array(64)]) {
      expect(await rejection(log.checkpoint(key as never))).toMatchObject({ problems: [{ path: 'key' }] });
    }
  });

  const EVERY_MS = 5;

  test('is made by itself when something was recorded since, one at a time, and handed over', async () => {
    const made: Checkpoint[] = [];
    const busy = gate();
    let running = 0;
    const onCheckpoint = async (checkpoint: Checkpoint) => {
      running += 1;
      expect(running).toBe(1);
      made.push(checkpoint);
      if (made.length === 1) await busy.promise;
      running -= 1;
    };
    const other = { made: 0 };
    const { engine: elsewhere } = await newRecording({
      checkpoint: {
        key: seed,
        everyMs: EVERY_MS,
        onCheckpoint: () => {
          other.made += 1;
        },
      },
    });
    /** Returns after some intervals: another log has made as many checkpoints. */
    const intervals = async () => {
      for (const wanted of [1, 2, 3].map((more) => other.made + more)) {
        await recordCalls(elsewhere, 1);
        await until(() => other.made >= wanted);
      }
    };
    const { log, engine } = await newRecording({ checkpoint: { key: seed, everyMs: EVERY_MS, onCheckpoint } });
    await intervals();
    expect(made).toEqual([]);
    await recordCalls(engine, 1);
    await until(() => made.length === 1);
    await recordCalls(engine, 1);
    await intervals();
    expect(made.length).toBe(1);
    busy.open();
    await until(() => made.length === 2);
    await intervals();
    expect(made.length).toBe(2);
    for (const checkpoint of made) expect(await log.verify({ checkpoint })).toMatchObject({ ok: true });
    await recordCalls(engine, 1);
    await log.close();
    const atClose = made.length;
    await intervals();
    expect(made.length).toBe(atClose);
    expect(warnings).toEqual([]);
  });

  test('that nobody keeps is a warning, and the next is made all the same', async () => {
    let made = 0;
    const onCheckpoint = () => {
      made += 1;
      throw new Error(`no place for it ${made}`);
    };
    const { engine, log } = await newRecording({ checkpoint: { key: seed, everyMs: 1, onCheckpoint } });
    await recordCalls(engine, 1);
    await until(() => warnings.length === 1);
    await recordCalls(engine, 1);
    await until(() => warnings.length === 2);
    expect(warnings.map(({ message }) => message)).toEqual(['no place for it 1', 'no place for it 2']);
    await log.close();
    for (let turns = 0; turns < 20; turns += 1) await turn();
    expect(warnings.length).toBe(2);
  });

  test('is no failure of a log that is closed meanwhile', async () => {
    for (let round = 0; round < 10; round += 1) {
      const log = await EventLog.open(newPath(), { checkpoint: { key: seed, everyMs: 1, onCheckpoint: () => {} } });
      setInferenceRunner(echo);
      await recordCall(engineOf(log));
      for (let turns = 0; turns < round; turns += 1) await turn();
      await log.close();
    }
    for (let turns = 0; turns < 20; turns += 1) await turn();
    expect(warnings).toEqual([]);
  });
});

test('all of it at once goes one after the other', async () => {
  const { log, engine } = await newRecording();
  await recordCalls(engine, 20);
  const copy = newPath();
  await Promise.all([
    recordCalls(engine, 20),
    log.prune({ maxCalls: 15 }),
    log.verify(),
    log.backup(copy),
    log.flush(),
    log.checkpoint(new Uint8Array(32)),
    all(log.calls()),
    log.prune({ maxCalls: 10 }),
  ]);
  expect(await log.verify()).toMatchObject({ ok: true });
});
