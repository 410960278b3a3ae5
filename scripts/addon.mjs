// The native addon: cargo and napi, into native/. cargo itself knows what is up to date.
import { stream } from './command.mjs';
import { step } from './progress.mjs';
import { toolEnvironment } from './project.mjs';

const napiBuild = [
  'build',
  '--platform',
  ...['--manifest-path', 'crates/car-inference-node/Cargo.toml'],
  ...['--package-json-path', 'package.json'],
  ...['--output-dir', 'native'],
  ...['--js', 'index.js'],
  ...['--dts', 'index.d.ts'],
];

/** @param {'dev' | 'release'} profile */
export async function buildAddon(profile) {
  const args = profile === 'release' ? [...napiBuild, '--release'] : napiBuild;
  const hint = profile === 'release' ? 'a few minutes the first time' : 'about a minute the first time';
  await step(`build the addon, ${profile} profile`, () => stream('napi', args, { env: toolEnvironment() }), { hint });
}
