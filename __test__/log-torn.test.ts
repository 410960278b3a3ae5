/** A write-ahead log that was cut off or damaged anywhere: what was committed before is there, whole; nothing after it is. */
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EventLog } from 'car-inference';
import { expect, test } from 'vitest';
import { compare } from '../crash/compare.mjs';
import { digest } from '../crash/script.mjs';
import { runAndKill } from '../crash/series.mjs';
import { Told } from '../crash/told.mjs';
import { newFolder, newPath } from './support/durable-log';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const BOUNDARIES_TRIED = 12;

// Erasing empties the write-ahead log.
const series = {
  seed: 20_260_101,
  size: 'small',
  options: { durability: 'call' },
  callsOfSession: 100_000,
  erases: false,
} as const;

/** Where transactions end in a write-ahead log: behind frames that name the size of the database. */
function commitsOf(wal: Buffer): number[] {
  const frameBytes = FRAME_HEADER_BYTES + wal.readUInt32BE(8);
  const ends: number[] = [];
  for (let at = HEADER_BYTES; at + frameBytes <= wal.length; at += frameBytes) {
    if (wal.readUInt32BE(at + 4) !== 0) ends.push(at + frameBytes);
  }
  return ends;
}

test('a write-ahead log is found up to its last whole transaction, wherever it ends', {
  timeout: 120_000,
}, async () => {
  const path = newPath();
  const told = new Told();
  const { problem } = await runAndKill({ ...series, path, key: undefined, first: 0 }, { lines: 700, later: 0 }, told);
  expect(problem).toBeUndefined();
  const wal = readFileSync(`${path}-wal`);
  const commits = commitsOf(wal);
  // How many calls share a transaction is a matter of the machine; all of them never do.
  expect(commits.length).toBeGreaterThan(BOUNDARIES_TRIED / 2);
  const folder = newFolder();
  let opened = 0;

  /** What is found when the write-ahead log is this. */
  const found = async (damage: (copy: string) => void) => {
    opened += 1;
    const copy = join(folder, `${opened}.db`);
    copyFileSync(path, copy);
    damage(`${copy}-wal`);
    const log = await EventLog.open(copy);
    // Nothing of what was acknowledged has to be there; what is there has to be right.
    const { problems } = await compare(log, { ...series, durability: 'relaxed' }, told, new Map());
    const calls = await Array.fromAsync(log.calls({ limit: Number.MAX_SAFE_INTEGER }));
    const { records } = await log.verify();
    await log.close();
    expect(problems).toEqual([]);
    return { records, calls: calls.length, digest: digest(calls.map(({ cursor: _own, ...call }) => call)) };
  };
  const cutAt = (bytes: number) =>
    found((copy) => {
      writeFileSync(copy, wal);
      truncateSync(copy, bytes);
    });

  let before = await cutAt(0);
  expect(before.calls).toBe(0);
  const step = Math.ceil(commits.length / BOUNDARIES_TRIED);
  for (let index = 0; index < commits.length; index += step) {
    const end = commits[index] as number;
    const next = commits[index + 1] ?? wal.length;
    const whole = await cutAt(end);
    expect(whole.records).toBeGreaterThanOrEqual(before.records);
    expect(whole.calls).toBeGreaterThanOrEqual(before.calls);
    if (index > 0) expect(await cutAt(end - 1)).toEqual(await cutAt(commits[index - 1] as number));
    if (next > end) {
      expect(await cutAt(end + 1)).toEqual(whole);
      expect(await cutAt(Math.floor((end + next) / 2))).toEqual(whole);
      const damaged = await found((copy) => {
        const bytes = Buffer.from(wal);
        bytes[end + FRAME_HEADER_BYTES + 100] = ~(bytes[end + FRAME_HEADER_BYTES + 100] as number);
        writeFileSync(copy, bytes);
      });
      expect(damaged).toEqual(whole);
    }
    before = whole;
  }
  const all = await cutAt(wal.length);
  expect(all.calls).toBeGreaterThan(10);
});
