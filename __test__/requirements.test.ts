/** What a newcomer's machine lacks is said in one clear line, before anything is installed or built. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const setup = fileURLToPath(new URL('../scripts/setup.mjs', import.meta.url));

function runSetup(nodeArguments: string[], env: NodeJS.ProcessEnv) {
  return spawnSync(process.execPath, [...nodeArguments, setup], { env, encoding: 'utf8' });
}

test('a missing cargo is said in one line', () => {
  const { status, stderr } = runSetup([], { PATH: '' });
  expect(status).toBe(1);
  expect(stderr.trim()).toMatch(/^✗ cargo [\d.]+ or newer is needed and was not found: .+$/);
});

test('an old Node is said in one line', () => {
  const old = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.8' } })";
  const { status, stderr } = runSetup(['--import', `data:text/javascript,${encodeURIComponent(old)}`], process.env);
  expect(status).toBe(1);
  expect(stderr.trim()).toMatch(/^✗ Node [\d.]+ or newer is needed, this is 18\.20\.8: .+$/);
});
