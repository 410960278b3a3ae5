// npm run generate: every generated file in native/, from the Rust sources.
import { buildAddon } from './addon.mjs';
import { installDependencies } from './dependencies.mjs';
import { exportEventTypes } from './event-types.mjs';
import { entry } from './progress.mjs';
import { requireTools } from './requirements.mjs';

await entry(async () => {
  await requireTools();
  await installDependencies();
  await buildAddon('dev');
  await exportEventTypes();
});
