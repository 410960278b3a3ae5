/** The demo is the project's main job: every step of it ends as it should, on the real SDK and a local server. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const demo = fileURLToPath(new URL('../examples/demo.mjs', import.meta.url));

test('the demo streams, records, calls a tool, is cancelled and fails as it should', { timeout: 30_000 }, async () => {
  const { OPENAI_API_KEY: _key, ...env } = process.env;
  const { stdout } = await run(process.execPath, [demo], { env });
  expect(stdout).toContain('Everything ended as it should.');
  expect(stdout).not.toContain('✗');
});
