/** Durable logs on disks that are full or cannot be written: a typed error, and nothing lost that was recorded before. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EventLog } from 'car-inference';
import { describe, expect, test } from 'vitest';
import { logError, Recording } from './support/durable-log';
import { SmallDisk, whyNoDisks } from './support/small-disk';

const MiB = 2 ** 20;
const ANSWER_CHARACTERS = 60_000;
const why = whyNoDisks();

describe.skipIf(why !== undefined)(`on a small disk${why === undefined ? '' : `, skipped: ${why}`}`, () => {
  /** A log on a disk that is half full of something else, which can make room. */
  async function logOnDisk(options = {}) {
    const disk = SmallDisk.ofTest('8m');
    const ballast = join(disk.folder, 'ballast');
    writeFileSync(ballast, Buffer.alloc(4 * MiB));
    const path = join(disk.folder, 'calls.db');
    const log = await EventLog.open(path, options);
    return { disk, path, log, makeRoom: () => rmSync(ballast) };
  }

  test.each(['call', 'strict', 'event'] as const)(
    'a full disk fails the call, not the process, and %s keeps what it has acknowledged',
    async (durability) => {
      const { path, log, makeRoom } = await logOnDisk({ durability });
      const recording = new Recording(log);
      await logError(
        recording.callUntil(() => false, ANSWER_CHARACTERS),
        'disk-full',
      );
      expect(recording.acknowledged.size).toBeGreaterThan(5);
      await logError(recording.call(), 'disk-full');
      expect(log.failure).toMatchObject({ code: 'log-failed', reason: 'disk-full' });
      await recording.mustBeIn(log);
      await logError(log.close(), 'disk-full');

      makeRoom();
      const again = await EventLog.open(path, { durability });
      await recording.mustBeIn(again);
      await new Recording(again).call(ANSWER_CHARACTERS);
      await again.close();
    },
  );

  test('a full disk under `relaxed` refuses the calls that come after, and keeps what was flushed before', async () => {
    const { path, log, makeRoom } = await logOnDisk({ durability: 'relaxed' });
    const flushed = new Recording(log);
    for (let calls = 0; calls < 5; calls += 1) await flushed.call(ANSWER_CHARACTERS);
    await log.flush();
    await logError(
      new Recording(log).callUntil(() => false, ANSWER_CHARACTERS),
      'disk-full',
    );
    await logError(log.close(), 'disk-full');
    makeRoom();
    const again = await EventLog.open(path);
    await flushed.mustBeIn(again);
    await again.close();
  });

  test('a log on a disk that is still full can be opened, or says that it is full, and loses nothing', async () => {
    const { path, log, makeRoom } = await logOnDisk();
    const recording = new Recording(log);
    await logError(
      recording.callUntil(() => false, ANSWER_CHARACTERS),
      'disk-full',
    );
    await logError(log.close(), 'disk-full');
    for (let opened = 0; opened < 3; opened += 1) {
      const full = await EventLog.open(path).catch((error) => error);
      if (full instanceof EventLog) {
        await recording.mustBeIn(full);
        await full.close().catch((error) => expect(error).toMatchObject({ reason: 'disk-full' }));
      } else {
        expect(full).toMatchObject({ reason: 'disk-full' });
      }
    }
    makeRoom();
    const again = await EventLog.open(path);
    await recording.mustBeIn(again);
    await again.close();
  });

  test('an engine that is told to continue goes on over a full disk and says that its calls are not recorded', async () => {
    const { path, log, makeRoom } = await logOnDisk();
    const recording = new Recording(log, { onLogFailure: 'continue' });
    const isUnlogged = ({ warnings }: { warnings: { code?: string }[] }) =>
      warnings.some(({ code }) => code === 'unlogged');
    const unlogged = new Set<string>();
    await recording.callUntil((completion) => {
      if (isUnlogged(completion)) unlogged.add(completion.traceId);
      return unlogged.size === 3;
    }, ANSWER_CHARACTERS);
    expect(recording.acknowledged.size).toBeGreaterThan(5);
    expect(log.failure).toMatchObject({ reason: 'disk-full' });
    await logError(log.close(), 'disk-full');
    makeRoom();
    // What said that it was not recorded makes no promise.
    for (const traceId of unlogged) recording.acknowledged.delete(traceId);
    const again = await EventLog.open(path);
    await recording.mustBeIn(again);
    await again.close();
  });

  test('a disk that has no room for a new log says so', async () => {
    const disk = SmallDisk.ofTest('16k');
    writeFileSync(join(disk.folder, 'ballast'), Buffer.alloc(4_096));
    await logError(EventLog.open(join(disk.folder, 'calls.db')), 'disk-full');
  });

  test('a disk that became read-only is not opened for writing and has kept everything', async () => {
    const { disk, path, log } = await logOnDisk();
    const recording = new Recording(log);
    await recording.call();
    await log.close();
    disk.remount('ro');
    await logError(EventLog.open(path), 'read-only');
    await logError(EventLog.open(join(disk.folder, 'new', 'calls.db')), 'read-only');
    await logError(EventLog.open(join(disk.folder, 'new.db')), 'read-only');
    const reader = await EventLog.open(path, { access: 'read' });
    expect((await reader.stats()).calls).toBeGreaterThan(0);
    expect((await reader.verify()).ok).toBe(true);
    await reader.close();
    disk.remount('rw');
    const again = await EventLog.open(path);
    await recording.mustBeIn(again);
    await again.close();
  });
});
