/** Workers of Deno: awaits keep them until they are answered, and a runner of the main thread answers their calls. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { newPath } from './support/durable-log';

const run = promisify(execFile);
const libc = process.platform === 'linux' ? '-glibc' : '';
const program = process.platform === 'win32' ? 'deno.exe' : 'deno';
const deno = fileURLToPath(
  new URL(`../node_modules/@deno/${process.platform}-${process.arch}${libc}/${program}`, import.meta.url),
);
const isMissing = !existsSync(deno);
if (isMissing) console.warn(`skipped: Deno is not at ${deno}`);

async function said(script: string): Promise<unknown[]> {
  const path = fileURLToPath(new URL(`./support/processes/deno/${script}`, import.meta.url));
  const permissions = ['--allow-read', '--allow-write', '--allow-env', '--allow-ffi'];
  const { stdout } = await run(deno, ['run', '--no-prompt', ...permissions, path, newPath()], { timeout: 60_000 });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

describe.skipIf(isMissing && process.env.CI === undefined)('in Deno', { timeout: 60_000 }, () => {
  test('calls of a worker are answered by the runner of the main thread, and recorded', async () => {
    const answers = ['a', 'b', 'c'].map((prompt) => prompt.padEnd(100, '.'));
    expect(await said('runner.mjs')).toEqual([{ answers, deltas: 100, calls: 4 }]);
  });

  test('a worker that only opens a log lives until it is open and closed', async () => {
    expect(await said('opener.mjs')).toEqual(['opened', 'closed', { code: 0 }]);
  });
});
