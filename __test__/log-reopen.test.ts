/** A log that has failed records again after `reopen()`: on the same handles, for the same engines, with the gap in its chain. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EventLog, InferenceEngine, LogError } from 'car-inference';
import { describe, expect, test } from 'vitest';
import { logError, newPath, Recording } from './support/durable-log';
import { SmallDisk, whyNoDisks } from './support/small-disk';

const MiB = 2 ** 20;
const ANSWER_CHARACTERS = 60_000;
const why = whyNoDisks();

test('reopening a log that works does nothing, also one in memory or one that only reads', async () => {
  const path = newPath();
  const log = await EventLog.open(path);
  const recording = new Recording(log);
  await recording.call();
  expect(await log.reopen()).toBeUndefined();
  expect(await new InferenceEngine({ models: [] }).eventLog.reopen()).toBeUndefined();
  const reader = await EventLog.open(path, { access: 'read' });
  expect(await reader.reopen()).toBeUndefined();
  await recording.call();
  await recording.mustBeIn(log);
  expect(await log.stats()).toMatchObject({ outages: 0 });
  await reader.close();
  await log.close();
  await logError(log.reopen(), 'closed');
});

test('a log whose file was deleted says so, makes no other, and goes on when the file is back', async () => {
  const path = newPath();
  const log = await EventLog.open(path);
  const recording = new Recording(log);
  await recording.call();
  await log.settle();
  renameSync(path, `${path}.elsewhere`);
  await logError(recording.call(), 'moved');
  for (let tries = 0; tries < 2; tries += 1) await logError(log.reopen(), 'moved');
  renameSync(`${path}.elsewhere`, path);
  expect(await log.reopen()).toMatchObject({ reason: 'moved', interruptedCalls: 0, unrecordedCalls: 0 });
  await recording.call();
  await recording.mustBeIn(log);
  await log.close();
});

describe.skipIf(why !== undefined)(`on a small disk${why === undefined ? '' : `, skipped: ${why}`}`, () => {
  /** A log that has failed because its disk is full, and how to make room. */
  async function fullLog(options = {}, engineOptions = {}) {
    const disk = SmallDisk.ofTest('8m');
    const ballast = join(disk.folder, 'ballast');
    writeFileSync(ballast, Buffer.alloc(4 * MiB));
    const path = join(disk.folder, 'calls.db');
    const log = await EventLog.open(path, options);
    const recording = new Recording(log, engineOptions);
    await recording
      .callUntil(() => log.failure !== undefined, ANSWER_CHARACTERS)
      .catch((error) => {
        expect(error).toBeInstanceOf(LogError);
      });
    expect(log.failure).toMatchObject({ reason: 'disk-full' });
    return { disk, path, log, recording, makeRoom: () => rmSync(ballast) };
  }

  test.each(['call', 'strict', 'event'] as const)(
    'a full disk that has room again: %s goes on with the same engine and keeps what it acknowledged',
    async (durability) => {
      const { path, log, recording, makeRoom } = await fullLog({ durability });
      const other = await openOther(path, durability);
      makeRoom();
      const [outage, ...rest] = await Promise.all([log.reopen(), log.reopen(), log.reopen()]);
      expect(outage).toMatchObject({ reason: 'disk-full' });
      expect(rest).toEqual([outage, outage]);
      expect(log.failure).toBeUndefined();
      await recording.call(ANSWER_CHARACTERS);
      await recording.mustBeIn(log);
      const stats = await log.stats();
      expect(stats).toMatchObject({ outages: 1, openCalls: 0, lastOutage: { reason: 'disk-full' } });
      const { failedAt = 0, reopenedAt = 0, message } = stats.lastOutage ?? {};
      expect(failedAt).toBeLessThanOrEqual(reopenedAt);
      expect(message).toContain('full');
      await other?.close();
      await log.close();
      const again = await EventLog.open(path, { durability });
      await recording.mustBeIn(again);
      expect(await again.stats()).toMatchObject({ outages: 1 });
      await again.close();
    },
  );

  /** Another handle; on a disk that is full this may not work. */
  async function openOther(path: string, durability: 'call' | 'strict' | 'event') {
    return EventLog.open(path, { durability }).catch((error) => {
      expect(error).toMatchObject({ reason: 'disk-full' });
      return undefined;
    });
  }

  test('a disk that is still full is told as the reason, as often as it is asked, until there is room', async () => {
    const { log, recording, disk, makeRoom } = await fullLog();
    const rest = join(disk.folder, 'rest');
    fill(rest);
    for (let tries = 0; tries < 3; tries += 1) {
      const error = await log.reopen().catch((reason) => reason);
      expect(error).toMatchObject({ code: 'log-failed', reason: 'disk-full' });
      expect(log.failure).toMatchObject({ reason: 'disk-full' });
    }
    makeRoom();
    expect(await log.reopen()).toMatchObject({ reason: 'disk-full' });
    await recording.call();
    await recording.mustBeIn(log);
    await log.close();
  });

  /** Takes every byte that is left. */
  function fill(path: string): void {
    for (let bytes = MiB; bytes >= 1; bytes = Math.floor(bytes / 2)) {
      try {
        for (;;) writeFileSync(path, Buffer.alloc(bytes), { flag: 'a' });
      } catch {
        // Fewer may fit.
      }
    }
  }

  test('a disk that became read-only and is writable again', async () => {
    const disk = SmallDisk.ofTest('32m');
    const log = await EventLog.open(join(disk.folder, 'calls.db'));
    const recording = new Recording(log);
    await recording.call();
    await log.settle();
    // What is open for writing keeps a disk from that, so the log fails first.
    renameSync(join(disk.folder, 'calls.db'), join(disk.folder, 'elsewhere.db'));
    await logError(recording.call(), 'moved');
    // Returns only when nothing is open any more.
    await logError(log.reopen(), 'moved');
    renameSync(join(disk.folder, 'elsewhere.db'), join(disk.folder, 'calls.db'));
    disk.remount('ro');
    await logError(log.reopen(), 'read-only');
    disk.remount('rw');
    expect(await log.reopen()).toMatchObject({ reason: 'moved' });
    await recording.call();
    await recording.mustBeIn(log);
    await log.close();
  });

  test('calls that went on without the log are counted, and tails and observers go on', async () => {
    const { log, recording, makeRoom } = await fullLog({}, { onLogFailure: 'continue' });
    const seen: string[] = [];
    const stop = log.observe((batch) => {
      for (const item of batch) if (item.type === 'call-end') seen.push(item.traceId);
    });
    const started = (async () => {
      for await (const item of log.tail()) if (item.type === 'call-start') return item.traceId;
      return undefined;
    })();
    await recording.call();
    await recording.call();
    makeRoom();
    expect(await log.reopen()).toMatchObject({ unrecordedCalls: 2 });
    const { traceId } = await recording.call();
    expect(await started).toBe(traceId);
    await log.close();
    expect(seen).toContain(traceId);
    stop();
  });
});
