/** The package under flags of Node that take something away, and behind hooks of its loaders. */
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Exit, nodes, run, saidBy } from './support/child-process';

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
