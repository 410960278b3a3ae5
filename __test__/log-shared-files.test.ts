/** The files of a log that is open, under the hands of others: who only reads them takes nothing away, who changes them is noticed. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { EventLog } from 'car-inference';
import { describe, expect, test } from 'vitest';
import { CRASH, run, saidBy } from './support/child-process';
import { newFolder, newPath, Recording } from './support/durable-log';
import { LogProcess } from './support/log-actor';

const SUFFIXES = ['', '-wal', '-shm', '-lock'];

/** Another process that looks into the file with an SQLite of its own, and leaves as SQLite does. */
function lookFromOutside(path: string, sql = 'SELECT count(*) AS count FROM calls'): unknown {
  const script = `
    const { DatabaseSync } = require('node:sqlite');
    const database = new DatabaseSync(process.argv[1]);
    console.log(JSON.stringify(database.prepare(process.argv[2]).all()));
    database.close();`;
  return JSON.parse(execFileSync(process.execPath, ['--no-warnings', '-e', script, path, sql], { encoding: 'utf8' }));
}

/** Ways in which a program reads files of its own log. */
const WAYS: Record<string, (path: string) => unknown> = {
  'reads the file': (path) => readFileSync(path),
  'reads the file later': (path) => readFile(path),
  'streams the file': async (path) => {
    for await (const _chunk of createReadStream(path));
  },
  'copies the file': (path) => copyFileSync(path, `${path}.copy`),
  'copies the folder': (path) => cpSync(dirname(path), newFolder(), { recursive: true }),
  'reads every file': (path) => SUFFIXES.map((suffix) => readFileSync(`${path}${suffix}`)),
  'looks with an SQLite of its own': (path) => {
    const database = new DatabaseSync(path);
    expect(database.prepare('SELECT count(*) AS count FROM calls').get()).toEqual({ count: 3 });
    database.close();
  },
  'looks with an SQLite of its own that only reads': (path) => {
    const database = new DatabaseSync(path, { readOnly: true });
    database.prepare('SELECT * FROM records').all();
    database.close();
  },
};

describe.skipIf(process.platform === 'win32')('a log that is open goes on and loses nothing', () => {
  test.each(Object.entries(WAYS))(
    'when its own process %s, and others look into it after that',
    async (_name, read) => {
      const path = newPath();
      const log = await EventLog.open(path);
      const recording = new Recording(log);
      for (let calls = 0; calls < 3; calls += 1) await recording.call();
      for (let round = 0; round < 2; round += 1) {
        if (round === 0) await read(path);
        else readFileSync(path);
        expect(lookFromOutside(path)).toEqual([{ count: recording.acknowledged.size }]);
        expect(SUFFIXES.filter((suffix) => !existsSync(`${path}${suffix}`))).toEqual([]);
        await recording.call();
        lookFromOutside(path, 'PRAGMA wal_checkpoint(TRUNCATE)');
        await recording.call();
      }
      await recording.mustBeIn(log);
      await log.close();
      expect(SUFFIXES.filter((suffix) => existsSync(`${path}${suffix}`))).toEqual(['', '-lock']);
      const again = await EventLog.open(path);
      await recording.mustBeIn(again);
      await again.close();
    },
  );

  test('when it is only read here, its own process reads the files, and its writer leaves and comes again', async () => {
    const path = newPath();
    const writer = new LogProcess();
    await writer.ask('open', { path });
    const first = await writer.ask('call', 'the first');
    const reader = await EventLog.open(path, { access: 'read' });
    expect(await reader.call(first)).toMatchObject({ text: 'the first' });
    for (const suffix of SUFFIXES) readFileSync(`${path}${suffix}`);
    await writer.ask('close');
    expect(await reader.call(first)).toMatchObject({ text: 'the first' });
    await writer.ask('open', { path });
    const second = await writer.ask('call', 'the second');
    expect(await reader.call(second)).toMatchObject({ text: 'the second' });
    await reader.close();
    await writer.ask('close');
  });

  test('when another handle of its process is closed', async () => {
    const path = newPath();
    const log = await EventLog.open(path);
    const recording = new Recording(log);
    await recording.call();
    const reader = await EventLog.open(path, { access: 'read' });
    await recording.mustBeIn(reader);
    await reader.close();
    lookFromOutside(path);
    await recording.call();
    await recording.mustBeIn(log);
    await log.close();
  });
});

describe.skipIf(process.platform === 'win32')('a log whose files another program changes while it is open', () => {
  test.each([
    ['empties the shared memory', ': > "$1-shm"'],
    ['cuts the shared memory to half', 'truncate -s 16384 "$1-shm"'],
    ['empties the log', ': > "$1"'],
    ['cuts a page off the log', 'truncate -s -4096 "$1"'],
    ['copies another log over it', 'cp "$2" "$1"'],
    ['copies itself over it, older', 'cp "$1.old" "$1"'],
    ['writes into it', 'printf nonsense | dd of="$1" bs=1 seek=9000 conv=notrunc status=none'],
    ['empties the write-ahead log', ': > "$1-wal"'],
    ['copies something over the write-ahead log', 'cp "$2" "$1-wal"'],
    ['writes into the write-ahead log', 'printf nonsense | dd of="$1-wal" bs=1 seek=2000 conv=notrunc status=none'],
    ['puts another log in its place', 'cp "$2" "$1.new" && mv "$1.new" "$1"'],
  ])('says so, or has lost nothing, when it %s', async (_name, command) => {
    const exit = await run('log-changed.mjs', { args: [newFolder(), command] });
    expect({ signal: exit.signal, code: exit.code, stderr: exit.stderr }).toEqual({
      signal: null,
      code: 0,
      stderr: '',
    });
    expect(exit.stderr).not.toMatch(CRASH);
    const moments = saidBy(exit) as Array<{ moment: string; told?: string; held?: boolean; message?: string }>;
    expect(moments.map(({ moment }) => moment)).toEqual([
      'call',
      'open call',
      'flush',
      'read',
      'tail',
      'close',
      'a reader beside it',
    ]);
    for (const { moment, told, held, message } of moments) {
      expect(told ?? held, `${moment}: ${message}`).toSatisfy(
        (came) => came === true || /^(corrupt|moved|io)$/.test(came),
      );
    }
  });
});

describe.skipIf(process.platform !== 'linux')('a long path', () => {
  const deep = (bytes: number) => {
    let folder = newFolder();
    const left = () => bytes - folder.length - '/calls.db'.length;
    while (left() > 201) folder = join(folder, 'd'.repeat(200));
    if (left() > 1) folder = join(folder, 'e'.repeat(left() - 1));
    return join(folder, 'calls.db');
  };

  test.each([500, 504, 505, 513, 1_000, 4_087])('of %i bytes is opened, read, copied and closed', async (bytes) => {
    const path = deep(bytes);
    expect(path.length).toBe(bytes);
    const log = await EventLog.open(path);
    const recording = new Recording(log);
    await recording.call();
    const reader = await EventLog.open(path, { access: 'read' });
    await recording.mustBeIn(reader);
    await reader.close();
    const copy = join(dirname(path), 'copy.db');
    await log.backup(copy);
    await log.close();
    expect(existsSync(`${path}-wal`)).toBe(false);
    for (const found of [path, copy]) {
      const again = await EventLog.open(found);
      await recording.mustBeIn(again);
      await again.close();
    }
  });

  test('of more bytes than the system takes is refused with what is possible', async () => {
    const path = deep(4_088);
    await expect(EventLog.open(path)).rejects.toMatchObject({
      name: 'LogError',
      reason: 'invalid-path',
      message: expect.stringMatching(/too long.*4088.*4087/),
    });
    expect(existsSync(dirname(path))).toBe(false);
  });

  test('whose last name leaves no room for what SQLite appends is refused with what is possible', async () => {
    const folder = newFolder();
    const log = await EventLog.open(join(folder, 'n'.repeat(247)));
    await new Recording(log).call();
    await log.close();
    const error = { name: 'LogError', reason: 'invalid-path', message: expect.stringMatching(/too long.*248.*247/) };
    await expect(EventLog.open(join(folder, 'n'.repeat(248)))).rejects.toMatchObject(error);
    await expect(EventLog.open(join(folder, 'n'.repeat(300)))).rejects.toMatchObject({ reason: 'invalid-path' });
  });

  test('with a name of a folder that is too long says what the system says', async () => {
    const path = join(newFolder(), 'f'.repeat(256), 'calls.db');
    const error = { name: 'LogError', message: expect.stringMatching(/too long/i) };
    await expect(EventLog.open(path)).rejects.toMatchObject(error);
    await expect(EventLog.open(path, { access: 'read' })).rejects.toMatchObject(error);
  });

  test.each([
    ['is not there', 'none/calls.db', /no such file/i],
    ['leads through a file', 'file/calls.db', /not a directory/i],
  ])('that %s says so to a reader', async (_what, name, reason) => {
    const folder = newFolder();
    writeFileSync(join(folder, 'file'), '');
    await expect(EventLog.open(join(folder, name), { access: 'read' })).rejects.toMatchObject({
      name: 'LogError',
      message: expect.stringMatching(reason),
    });
  });

  test('leads to the same log as a short one through a link', async () => {
    const path = deep(2_000);
    mkdirSync(dirname(path), { recursive: true });
    const log = await EventLog.open(path);
    expect(statSync(path).isFile()).toBe(true);
    expect(basename(log.path ?? '')).toBe('calls.db');
    const same = await EventLog.open(path);
    await new Recording(same).call();
    expect((await log.stats()).calls).toBe(1);
    await same.close();
    await log.close();
  });
});
