// From a fresh clone to something that runs: tools, packages, addon, TypeScript. Each part does nothing when up to date.
import { buildAddon } from './addon.mjs';
import { installDependencies } from './dependencies.mjs';
import { requireTools } from './requirements.mjs';
import { compileTypeScript } from './typescript.mjs';

/** @param {'dev' | 'release'} profile */
export async function prepare(profile = 'dev') {
  await requireTools();
  await installDependencies();
  await buildAddon(profile);
  await compileTypeScript();
}
