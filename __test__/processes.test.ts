import * as carInference from 'car-inference';
import { describe, expect, test } from 'vitest';
import { nodes, runScript } from './support/child-process';

const NAMES = Object.keys(carInference)
  .filter((name) => !name.startsWith('__') && name !== 'default' && name !== 'module.exports')
  .sort()
  .join(' ');

describe.each(nodes())('under %s', (node) => {
  test('generators that something has patched before keep their results to themselves', async () => {
    const stdout = 'text-delta done false\n';
    expect(await runScript('patched-generators.mjs', node)).toEqual({ code: 0, signal: null, stdout, stderr: '' });
  });

  test.each([
    ['loading the package', 'imported.mjs', 'end of script\n'],
    ['a registered runner and an engine', 'registered.mjs', 'hello\n'],
    ['streams that nobody awaits', 'idle-streams.mjs', 'first\n'],
    ['a call that hangs under the default timeouts', 'hanging.mjs', 'hanging\n'],
  ])('%s does not keep the process', async (_name, script, stdout) => {
    expect(await runScript(script, node)).toEqual({ code: 0, signal: null, stdout, stderr: '' });
  });

  test('process.exit in mid-stream ends with its code', async () => {
    expect(await runScript('exit-mid-stream.mjs', node)).toEqual({
      code: 7,
      signal: null,
      stdout: 'first\n',
      stderr: '',
    });
  });

  test('an uncaught exception in mid-stream ends with code 1 and its message', async () => {
    const { code, signal, stdout, stderr } = await runScript('throw-mid-stream.mjs', node);
    expect({ code, signal, stdout }).toEqual({ code: 1, signal: null, stdout: 'first\n' });
    expect(stderr).toContain('broken host');
  });

  test('a hanging runner with explicit timeouts still ends in a TimeoutError', async () => {
    expect(await runScript('timeout.mjs', node)).toEqual({
      code: 0,
      signal: null,
      stdout: 'result true first-event\nloop true first-event\n',
      stderr: '',
    });
  });

  test('runners that never stop do not end the process before whoever waits has its ending', async () => {
    expect(await runScript('last-resorts.mjs', node)).toEqual({
      code: 0,
      signal: null,
      stdout: 'done\nclosed\nresult TimeoutError\ndrained\n',
      stderr: '',
    });
  });

  test('failures whose promises nobody looks at are no unhandled rejections', async () => {
    expect(await runScript('ignored-failures.mjs', node)).toEqual({
      code: 0,
      signal: null,
      stdout: 'end of script\n',
      stderr: '',
    });
  });

  test('a stream that nobody holds any more cancels its runner', async () => {
    expect(await runScript('forgotten.mjs', node)).toEqual({
      code: 0,
      signal: null,
      stdout: 'cancelled\n',
      stderr: '',
    });
  });

  test('ES modules import the names, CommonJS requires the same', async () => {
    const [imported, required] = await Promise.all([
      runScript('named-imports.mjs', node),
      runScript('required.cjs', node),
    ]);
    expect(imported).toMatchObject({ code: 0, stderr: '' });
    expect(imported.stdout).toMatch(/^runner-declined true \d+/);
    expect(imported.stdout.split('\n')[1]).toBe(NAMES);
    expect(required).toMatchObject({ code: 0, stderr: '' });
    expect(required.stdout).toMatch(/^hello true \d+/);
    expect(required.stdout.split('\n')[1]).toBe(NAMES);
  });
});
