/** The package under flags of Node that take something away, and behind hooks of its loaders. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Exit, nodes, run, saidBy } from './support/child-process';
import { newFolder } from './support/durable-log';

const root = dirname(fileURLToPath(new URL('../package.json', import.meta.url)));

const IN_ONE_THREAD = [
  { text: 'pulled' },
  { type: 'text-delta', text: 'pushed' },
  { name: 'RunnerFailedError', isTyped: true, status: 529, same: true },
  { status: 'failed' },
  { sameReason: true },
];
const EVERYTHING = [
  ...IN_ONE_THREAD,
  { name: 'RunnerFailedError', text: 'from the thread', cause: 'RangeError', isError: true },
  'end',
];

/** Node's own warnings of flags that are experimental or dangerous. */
const NODE_WARNING =
  /^\(node:\d+\) .*(Experimental|Security)Warning: .*\n|^\(Use `node --trace-warnings .*\n|^Warning: .*\n/gm;

function expectWorks(exit: Exit, said: unknown[]): void {
  expect({ ...exit, stdout: '', stderr: exit.stderr.replace(NODE_WARNING, '') }).toEqual({
    code: 0,
    signal: null,
    stdout: '',
    stderr: '',
  });
  expect(saidBy(exit)).toEqual(said);
}

function hook(name: string): string {
  return pathToFileURL(fileURLToPath(new URL(`./support/hooks/${name}`, import.meta.url))).href;
}

describe.each(nodes())('under %s', (node) => {
  test.each([
    '--jitless',
    '--frozen-intrinsics',
    '--disable-proto=throw',
    '--disable-proto=delete',
    '--disallow-code-generation-from-strings',
    '--throw-deprecation',
    '--preserve-symlinks',
    '--force-node-api-uncaught-exceptions-policy=true',
  ])('works with %s', async (flag) => {
    expectWorks(await run('everything.mjs', { node, flags: [flag] }), EVERYTHING);
  });

  describe('with the permission model', () => {
    test('works when addons and threads are allowed, and the files of the package may be read', async () => {
      const flags = [await permission(node), '--allow-addons', '--allow-worker', `--allow-fs-read=${root}/*`];
      expectWorks(await run('everything.mjs', { node, flags }), EVERYTHING);
    });

    test('works in one thread when only addons are allowed', async () => {
      const flags = [await permission(node), '--allow-addons', `--allow-fs-read=${root}/*`];
      const args = ['--without-threads'];
      expectWorks(await run('everything.mjs', { node, flags, args }), [...IN_ONE_THREAD, 'end']);
    });

    test('says that addons are forbidden', async () => {
      const flags = [await permission(node), `--allow-fs-read=${root}/*`];
      expectWorks(await run('load.cjs', { node, flags }), [
        {
          isError: true,
          code: 'ERR_CAR_INFERENCE_ADDONS_FORBIDDEN',
          message: expect.stringContaining('--allow-addons'),
        },
      ]);
    });
  });

  describe('with the permission model, a log', () => {
    const FORBIDDEN = {
      write: { code: 'ERR_ACCESS_DENIED', permission: 'FileSystemWrite', name: 'Error' },
      read: { code: 'ERR_ACCESS_DENIED', permission: 'FileSystemRead', name: 'Error' },
    };

    async function tried(args: string[], allowed: string[]): Promise<unknown> {
      const flags = [await permission(node), '--allow-addons', `--allow-fs-read=${root}/*`, ...allowed];
      const exit = await run('log-permission.mjs', { node, flags, args });
      expect({ code: exit.code, signal: exit.signal, stderr: exit.stderr.replace(NODE_WARNING, '') }).toEqual({
        code: 0,
        signal: null,
        stderr: '',
      });
      return saidBy(exit)[0];
    }

    /** A log's files are read as well as written. */
    const allowedAll = (folder: string) => [`--allow-fs-read=${folder}/*`, `--allow-fs-write=${folder}/*`];

    test('in a folder that may be read and written is recorded to', async () => {
      const folder = newFolder();
      const allowed = allowedAll(folder);
      expect(await tried(['open', join(folder, 'calls.db')], allowed)).toEqual({ value: 1 });
      expect(await tried(['engine', join(folder, 'new', 'calls.db')], allowed)).toEqual({ value: 'done' });
      expect(await tried(['backup', join(folder, 'calls.db'), join(folder, 'copy.db')], allowed)).toEqual({
        value: 'done',
      });
    });

    test.each(['open', 'url', 'text of a url', 'engine'])(
      'outside the folders that may be written is refused as Node refuses it, and not made: %s',
      async (what) => {
        const [folder, other] = [newFolder(), newFolder()];
        const path = join(folder, 'calls.db');
        const refused = await tried([what, path], [...allowedAll(other), `--allow-fs-read=${folder}/*`]);
        expect(refused).toMatchObject({
          ...FORBIDDEN.write,
          resource: path,
          message: expect.stringContaining('restricted'),
        });
        expect(readdirSync(folder)).toEqual([]);
      },
    );

    test('is refused without any folder that may be written, and in one that is only like it by name', async () => {
      const folder = newFolder();
      const path = join(folder, 'calls.db');
      const readable = `--allow-fs-read=${dirname(folder)}/*`;
      expect(await tried(['open', path], [readable])).toMatchObject({ ...FORBIDDEN.write, resource: path });
      const beside = `${folder}-beside`;
      const like = await tried(['open', join(beside, 'calls.db')], [readable, `--allow-fs-write=${folder}`]);
      expect(like).toMatchObject({ ...FORBIDDEN.write, resource: join(beside, 'calls.db') });
      const above = await tried(['open', `${folder}/../calls.db`], [readable, `--allow-fs-write=${folder}/*`]);
      expect(above).toMatchObject(FORBIDDEN.write);
      expect(existsSync(join(dirname(folder), 'calls.db'))).toBe(false);
    });

    test('by a relative path is judged by where it leads', async () => {
      const [folder, other] = [newFolder(), newFolder()];
      // Changing the folder is reading to Node.
      const readable = [folder, other].map((path) => `--allow-fs-read=${path}`);
      const allowed = [`--allow-fs-write=${folder}/*`, ...readable];
      expect(await tried(['relative', 'calls.db', folder], allowed)).toEqual({ value: 'done' });
      expect(await tried(['relative', 'calls.db', other], allowed)).toMatchObject({
        ...FORBIDDEN.write,
        resource: join(other, 'calls.db'),
      });
    });

    test('of which only the file may be written is refused for what lies beside it', async () => {
      const path = join(newFolder(), 'calls.db');
      const allowed = [`--allow-fs-read=${dirname(path)}/*`, `--allow-fs-write=${path}`];
      expect(await tried(['open', path], allowed)).toMatchObject({
        ...FORBIDDEN.write,
        resource: `${path}-wal`,
      });
    });

    test('is copied to where may be written, and nowhere else', async () => {
      const [folder, other] = [newFolder(), newFolder()];
      const target = join(other, 'copy.db');
      const args = ['backup', join(folder, 'calls.db'), target];
      const refused = await tried(args, allowedAll(folder));
      expect(refused).toMatchObject({ ...FORBIDDEN.write, resource: target });
      expect(readdirSync(other)).toEqual([]);
    });

    test('is read where may be read, and nowhere else', async () => {
      const path = join(newFolder(), 'calls.db');
      await tried(['open', path], allowedAll(dirname(path)));
      for (const what of ['read', 'open']) {
        expect(await tried([what, path], [`--allow-fs-write=${dirname(path)}/*`])).toMatchObject({
          ...FORBIDDEN.read,
          resource: path,
        });
      }
      expect(await tried(['read', path], [`--allow-fs-read=${dirname(path)}/*`])).toEqual({ value: 1 });
    });
  });

  test('says that addons are forbidden with --no-addons', async () => {
    expectWorks(await run('load.cjs', { node, flags: ['--no-addons'] }), [
      { isError: true, code: 'ERR_CAR_INFERENCE_ADDONS_FORBIDDEN', message: expect.stringContaining('--no-addons') },
    ]);
  });

  describe('behind hooks of the loaders', () => {
    test.each([
      ['hooks that pass on', 'passes-on.mjs'],
      ['hooks that hand on the source of every file', 'loads-source.mjs'],
      ['hooks whose own thread uses the package', 'uses-package.mjs'],
    ])('module.register with %s', async (_name, hooks) => {
      const exit = await run('everything.mjs', {
        node,
        flags: ['--import', hook('register.mjs')],
        env: { HOOKS: hooks },
      });
      expectWorks(exit, EVERYTHING);
    });

    test('module.registerHooks with hooks that hand on the source of every file', async () => {
      expectWorks(
        await run('everything.mjs', { node, flags: ['--import', hook('register-in-thread.mjs')] }),
        EVERYTHING,
      );
    });

    test.each([['--import', hook('preload.mjs')] as const, ['--require', root] as const])(
      'loaded before the program, by %s',
      async (...flags) => {
        expectWorks(await run('everything.mjs', { node, flags }), EVERYTHING);
      },
    );
  });
});

/** What the permission model is called. */
async function permission(node: string): Promise<string> {
  const { code } = await run('load.cjs', { node, flags: ['--permission', '--allow-addons', '--allow-fs-read=*'] });
  return code === 0 ? '--permission' : '--experimental-permission';
}
