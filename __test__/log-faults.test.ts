/** What is no log is refused with the reason and left as it was; what happens to a log that is open fails calls, not processes. */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { EventLog, setInferenceRunner } from 'car-inference';
import { describe, expect, test } from 'vitest';
import { logError, newFolder, newPath, PAYLOAD, Recording } from './support/durable-log';

const GB = 1e9;
const SUFFIXES = ['', '-wal', '-shm', '-lock'];

/** A log with a few calls, closed. */
async function newLog(path = newPath(), options = {}) {
  const log = await EventLog.open(path, options);
  const recording = new Recording(log);
  for (let calls = 0; calls < 3; calls += 1) await recording.call();
  await log.close();
  return { path, recording };
}

/** What a file is, as far as a refusal could have changed it. */
function stateOf(path: string) {
  const { ino, mode, mtimeMs, size } = statSync(path);
  return { ino, mode, mtimeMs, size, content: size < 1e7 ? readFileSync(path).toString('latin1') : undefined };
}

/** Refused for writing and for reading, and nothing was done to it. */
async function mustBeRefused(path: string, reason: 'not-a-log' | 'newer-version' | 'corrupt') {
  const before = stateOf(path);
  await logError(EventLog.open(path), reason);
  await logError(EventLog.open(path, { access: 'read' }), reason);
  expect(stateOf(path)).toEqual(before);
}

function changeDatabase(path: string, sql: string) {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

function overwrite(path: string, bytes: Uint8Array, position: number) {
  const file = openSync(path, 'r+');
  writeSync(file, bytes, 0, bytes.length, position);
  closeSync(file);
}

describe('a file that is no log', () => {
  test.each([
    ['begins with nonsense', 'This is a letter of somebody. '.repeat(1_000)],
    ['is shorter than a header', 'short'],
    ['is an SQLite header and nothing else', 'SQLite format 3\0'],
    ['is a page of zeros', '\0'.repeat(4_096)],
  ])('is refused and left as it is when it %s', async (_name, content) => {
    const path = newPath();
    writeFileSync(path, `${content}${content.length > 1_000 ? PAYLOAD : ''}`, { mode: 0o644 });
    await mustBeRefused(path, 'not-a-log');
  });

  test.each([
    ['zeros', Buffer.alloc(0)],
    ['nonsense', randomBytes(4_096)],
    ['the first bytes of a database', Buffer.from('SQLite format 3\0')],
  ])('is refused without being read when it is 100 GB of %s', async (_name, beginning) => {
    const path = newPath();
    const file = openSync(path, 'w');
    writeSync(file, beginning);
    ftruncateSync(file, 100 * GB);
    closeSync(file);
    await mustBeRefused(path, 'not-a-log');
  });

  test.each(['delete', 'wal'])(
    'is refused and left as it is when it is a database of somebody else, journal mode %s',
    async (mode) => {
      const path = newPath();
      changeDatabase(
        path,
        `PRAGMA journal_mode = ${mode}; CREATE TABLE theirs (x); INSERT INTO theirs VALUES ('${PAYLOAD}')`,
      );
      await mustBeRefused(path, 'not-a-log');
    },
  );

  test('is refused when it is a database with our version number and somebody else’s tables', async () => {
    const path = newPath();
    changeDatabase(path, 'PRAGMA user_version = 1; CREATE TABLE calls (x)');
    await mustBeRefused(path, 'not-a-log');
  });
});

describe('a log', () => {
  test('of a newer version is refused and left as it is', async () => {
    const { path } = await newLog();
    changeDatabase(path, 'PRAGMA user_version = 99');
    await mustBeRefused(path, 'newer-version');
  });

  test('whose first bytes were overwritten is no log', async () => {
    const { path } = await newLog();
    overwrite(path, randomBytes(16), 0);
    await mustBeRefused(path, 'not-a-log');
  });

  test.each([16, 18, 20, 24, 28, 36, 44, 56, 60, 68, 96, 100, 104])(
    'whose header is damaged from byte %i on is refused, or holds what it held',
    async (position) => {
      const { path, recording } = await newLog();
      const [first, ...others] = [0x00, 0xff, 0x5a].map((byte) => {
        const copy = `${path}.${byte}`;
        copyFileSync(path, copy);
        overwrite(copy, Buffer.alloc(8, byte), position);
        return copy;
      });
      for (const copy of [first, ...others] as string[]) {
        const log = await EventLog.open(copy).catch((error) => error);
        if (log instanceof EventLog) {
          const { ok } = await log.verify();
          if (ok) await recording.mustBeIn(log);
          await log.close().catch((error) => expect(error.reason).toMatch(/corrupt|not-a-log/));
        } else {
          expect(log.reason, log.message).toMatch(/^(corrupt|not-a-log|newer-version)$/);
          expect(log.message).not.toContain(PAYLOAD);
        }
      }
    },
  );

  test.each([2, 4_096, 5_000, 20_000])('that was cut to %i bytes is refused, or verifying finds it', async (size) => {
    const { path } = await newLog();
    truncateSync(path, size);
    const log = await EventLog.open(path).catch((error) => error);
    if (log instanceof EventLog) {
      expect(await log.verify()).toMatchObject({ ok: false });
      await log.close().catch(() => undefined);
    } else {
      expect(log.reason, log.message).toMatch(/^(corrupt|not-a-log)$/);
    }
  });
});

describe('a path', () => {
  test.each(SUFFIXES)('with a folder at calls.db%s is refused', async (suffix) => {
    const path = newPath();
    mkdirSync(`${path}${suffix}`);
    await logError(EventLog.open(path), 'invalid-path');
  });

  test.each(SUFFIXES)(
    'with a symbolic link at calls.db%s is refused, and what it leads to is left as it is',
    async (suffix) => {
      const path = newPath();
      const { path: other } = await newLog();
      const before = stateOf(other);
      symlinkSync(other, `${path}${suffix}`);
      await logError(EventLog.open(path), 'invalid-path');
      expect(stateOf(other)).toEqual(before);
    },
  );

  test.each(SUFFIXES)(
    'with a link that leads nowhere at calls.db%s is refused, and nothing is made there',
    async (suffix) => {
      const path = newPath();
      const nowhere = join(newFolder(), 'nowhere');
      symlinkSync(nowhere, `${path}${suffix}`);
      await logError(EventLog.open(path), 'invalid-path');
      expect(existsSync(nowhere)).toBe(false);
    },
  );

  test('through a folder that is a link is the same log as without it', async () => {
    const { path, recording } = await newLog();
    const link = join(newFolder(), 'link');
    symlinkSync(dirname(path), link);
    const [log, same] = await Promise.all([
      EventLog.open(path),
      EventLog.open(pathToFileURL(join(link, basename(path)))),
    ]);
    await new Recording(same).call();
    expect((await log.stats()).calls).toBe(recording.acknowledged.size + 1);
    await same.close();
    await log.close();
  });

  test('through something that is no folder cannot be opened', async () => {
    const file = newPath();
    writeFileSync(file, '');
    await logError(EventLog.open(join(file, 'calls.db')), 'io');
  });

  test.skipIf(process.getuid?.() === 0 || process.platform === 'win32')(
    'in a folder that cannot be written is read-only',
    async () => {
      const folder = newFolder();
      chmodSync(folder, 0o500);
      await logError(EventLog.open(join(folder, 'calls.db')), 'read-only');
    },
  );
});

describe.skipIf(process.platform === 'win32')('who may read', () => {
  const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

  test('is the owner alone, of every file and of a folder that was made for them', async () => {
    const folder = join(newFolder(), 'made', 'for', 'it');
    const log = await EventLog.open(join(folder, 'calls.db'));
    await new Recording(log).call();
    const modes = Object.fromEntries(readdirSync(folder).map((name) => [name, modeOf(join(folder, name))]));
    expect(modes).toEqual({ 'calls.db': '600', 'calls.db-wal': '600', 'calls.db-shm': '600', 'calls.db-lock': '600' });
    expect(modeOf(folder)).toBe('700');
    expect(modeOf(dirname(folder))).toBe('700');
    await log.close();
  });

  test('is the owner alone again once a log that others could read is opened', async () => {
    const { path, recording } = await newLog();
    for (const suffix of ['', '-lock']) chmodSync(`${path}${suffix}`, 0o666);
    const log = await EventLog.open(path);
    await new Recording(log).call();
    expect(SUFFIXES.map((suffix) => modeOf(`${path}${suffix}`))).toEqual(['600', '600', '600', '600']);
    await recording.mustBeIn(log);
    await log.close();
  });

  test('is the owner alone of a backup', async () => {
    const log = await EventLog.open(newPath());
    const backup = newPath();
    await log.backup(backup);
    expect(modeOf(backup)).toBe('600');
    await log.close();
  });
});

describe('a log whose files are taken away while it is open', () => {
  const moveAll = (path: string, to: string) => {
    for (const suffix of SUFFIXES) if (existsSync(`${path}${suffix}`)) renameSync(`${path}${suffix}`, `${to}${suffix}`);
  };
  /** What is done to the files of `path`, and where what was recorded is then; undefined when it is gone. */
  const WAYS: Record<string, (path: string) => string | undefined> = {
    'the file is deleted': (path) => {
      rmSync(path);
      return undefined;
    },
    'all files are deleted': (path) => {
      for (const suffix of SUFFIXES) rmSync(`${path}${suffix}`, { force: true });
      return undefined;
    },
    'the folder is deleted': (path) => {
      rmSync(dirname(path), { recursive: true });
      return undefined;
    },
    'the file is moved': (path) => {
      renameSync(path, `${path}.moved`);
      return `${path}.moved`;
    },
    'all files are moved': (path) => {
      moveAll(path, `${path}.moved`);
      return `${path}.moved`;
    },
    'the folder is moved': (path) => {
      renameSync(dirname(path), `${dirname(path)}-moved`);
      return join(`${dirname(path)}-moved`, basename(path));
    },
    'the file is replaced by another': (path) => {
      renameSync(path, `${path}.moved`);
      writeFileSync(path, '');
      return `${path}.moved`;
    },
    'the write-ahead log is deleted': (path) => {
      rmSync(`${path}-wal`);
      return path;
    },
    'the file that tells who writes is deleted': (path) => {
      rmSync(`${path}-lock`);
      return path;
    },
    'the shared memory is deleted': (path) => {
      rmSync(`${path}-shm`);
      return path;
    },
  };

  test.each(Object.entries(WAYS))('fails its calls and keeps what it had when %s', async (_name, takeAway) => {
    const path = join(newFolder(), 'inner', 'calls.db');
    const log = await EventLog.open(path);
    const recording = new Recording(log);
    for (let calls = 0; calls < 5; calls += 1) await recording.call();
    const now = takeAway(path);
    await logError(recording.call(), 'moved');
    expect(log.failure).toMatchObject({ reason: 'moved' });
    await logError(log.close(), 'moved');
    const again = await EventLog.open(now ?? path);
    if (now !== undefined) await recording.mustBeIn(again);
    await new Recording(again).call();
    await again.close();
  });

  test('lets calls go on that say so when the engine is told to continue', async () => {
    const { path } = await newLog();
    const log = await EventLog.open(path);
    const recording = new Recording(log, { onLogFailure: 'continue' });
    expect((await recording.call()).warnings).toEqual([]);
    rmSync(path);
    for (let calls = 0; calls < 3; calls += 1) {
      const { warnings } = await recording.call();
      expect(warnings).toMatchObject([{ code: 'unlogged' }]);
      expect(warnings[0]?.message).not.toContain(PAYLOAD);
    }
    await logError(log.close(), 'moved');
  });

  test('fails a call whose first event waits for the disk, though its runner never ends', async () => {
    const path = newPath();
    const log = await EventLog.open(path, { durability: 'event' });
    const recording = new Recording(log);
    await recording.call();
    setInferenceRunner(async function* (_request, { cancelled }) {
      yield { type: 'text-delta', text: PAYLOAD };
      await cancelled();
    });
    rmSync(path);
    const stream = recording.engine.generateTrackedStream({ model: 'm', prompt: PAYLOAD });
    await logError(stream.next(), 'moved');
    await logError(log.close(), 'moved');
  });

  test('does not answer with what another log holds that is there instead', async () => {
    const { path, recording } = await newLog();
    const { path: other } = await newLog();
    const log = await EventLog.open(path);
    for (const suffix of SUFFIXES) rmSync(`${path}${suffix}`, { force: true });
    copyFileSync(other, path);
    const seen = await Array.fromAsync(log.calls()).catch((error) => error);
    if (Array.isArray(seen)) {
      expect(seen.map(({ traceId }) => traceId).sort()).toEqual([...recording.acknowledged.keys()].sort());
    } else {
      expect(seen).toMatchObject({ reason: 'moved' });
    }
    await log.close().catch((error) => expect(error).toMatchObject({ reason: 'moved' }));
    expect((await (await EventLog.open(path)).verify()).ok).toBe(true);
  });
});
