/** Several installations of the package in one process: one addon in two folders, two addons, two versions. */
import { afterAll, describe, expect, test } from 'vitest';
import { type Exit, nodes, run, saidBy } from './support/child-process';
import { Installations } from './support/installation';

const installations = new Installations();
afterAll(() => installations.remove());

const VERSION = '9.9.9';
const folders = {
  linked: installations.add('linked', { addon: 'hard link' }),
  linkedAgain: installations.add('linked-again', { addon: 'hard link' }),
  symbolic: installations.add('symbolic', { addon: 'symbolic link' }),
  copied: installations.add('copied', { addon: 'copy' }),
  newer: installations.add('newer', { addon: 'copy', version: VERSION }),
  staleAddon: installations.add('stale-addon', { addon: 'copy', version: VERSION, addonVersion: '9.9.8' }),
  noAddon: installations.add('no-addon', { addon: 'none' }),
};
type Folder = keyof typeof folders;

function twoInstallations(node: string, [one, two]: readonly [Folder, Folder]): Promise<Exit> {
  return run('two-installations.cjs', { node, args: [folders[one], folders[two]] });
}

describe.each(nodes())('under %s', (node) => {
  test.each([
    ['linked', 'linkedAgain'],
    ['linked', 'symbolic'],
    ['symbolic', 'linked'],
  ] as const)('one addon linked into two folders has one set of runners: %s, %s', async (...pair) => {
    const exit = await twoInstallations(node, pair);
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(saidBy(exit)).toEqual([
      { here: ['from here', 'from here'] },
      { here: ['from here', 'from here'] },
      { thread: ['from the thread', 'from the thread'] },
      { instanceOf: true },
    ]);
  });

  test('one addon that an environment variable names serves two installations', async () => {
    const exit = await run('two-installations.cjs', {
      node,
      args: [folders.copied, folders.noAddon],
      env: { NAPI_RS_NATIVE_LIBRARY_PATH: installations.addonIn(folders.linked) },
    });
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(saidBy(exit)).toContainEqual({ thread: ['from the thread', 'from the thread'] });
  });

  test.each([
    ['linked', 'copied'],
    ['linked', 'newer'],
    ['newer', 'linked'],
  ] as const)('two addons have runners of their own, and an error that says so: %s, %s', async (...pair) => {
    const exit = await twoInstallations(node, pair);
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    const noRunner = (other: Folder) => ({ code: 'no-runner', message: expect.stringContaining(folders[other]) });
    expect(saidBy(exit)).toEqual([
      { here: ['from here', noRunner(pair[0])] },
      { here: [noRunner(pair[1]), 'from here'] },
      { thread: ['from the thread', noRunner(pair[0])] },
      { instanceOf: true },
    ]);
    if (pair.includes('newer' as never)) expect(exit.stdout).toContain(VERSION);
  });

  test('JavaScript over an addon of another version does not load, and says both versions', async () => {
    const exit = await run('load.cjs', { node, args: [folders.staleAddon] });
    expect(exit).toMatchObject({ code: 0, stderr: '' });
    expect(saidBy(exit)).toEqual([
      { isError: true, code: 'ERR_CAR_INFERENCE_VERSION_MISMATCH', message: expect.stringMatching(/9\.9\.9.*9\.9\.8/) },
    ]);
  });

  test('an installation without its addon says for which platform it is missing', async () => {
    const exit = await run('load.cjs', { node, args: [folders.noAddon] });
    expect(exit).toMatchObject({ code: 0, stderr: '' });
    expect(saidBy(exit)).toEqual([
      {
        isError: true,
        code: 'ERR_CAR_INFERENCE_ADDON_NOT_LOADED',
        message: expect.stringMatching(
          new RegExp(
            `on ${process.platform}-${process.arch}[^]*Cannot find[^]*npm install car-inference-${process.platform}`,
          ),
        ),
      },
    ]);
  });
});
