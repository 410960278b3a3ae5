// The peers of the benchmark that bring an addon: npm leaves those out that are not for the Node it runs under, and that may
// be older than the Node 24 that measures. Fetched here by npm under Node 24, when one cannot be loaded.
import { capture } from './command.mjs';
import { step } from './progress.mjs';
import { toolEnvironment } from './project.mjs';

const peersWithAddon = ['nemo-relay-node', 'better-sqlite3'];

async function areLoadable() {
  const loads = peersWithAddon.map((name) => `require(${JSON.stringify(name)});`).join('');
  const { code } = await capture('node', ['--eval', loads], { env: toolEnvironment() });
  return code === 0;
}

export async function installPeers() {
  if (await areLoadable()) return;
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts'];
  await step('install the addons of the peers', () => capture('npm', args, { env: toolEnvironment() }), {
    quiet: true,
  });
}
