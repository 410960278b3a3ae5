// npm run format: rewrites what `npm run check` would only complain about.
import { capture, stream } from './command.mjs';
import { installDependencies } from './dependencies.mjs';
import { entry, step } from './progress.mjs';
import { toolEnvironment } from './project.mjs';
import { requireTools } from './requirements.mjs';

await entry(async () => {
  await requireTools();
  await installDependencies();
  await step('cargo fmt', () => capture('cargo', ['fmt', '--all']), { quiet: true });
  await step('biome', () => stream('biome', ['check', '--write'], { env: toolEnvironment() }));
});
