// npm run demo: set-up, then examples/demo.mjs under Node 24.
import { stream } from './command.mjs';
import { prepare } from './prepare.mjs';
import { entry } from './progress.mjs';
import { toolEnvironment } from './project.mjs';

await entry(async () => {
  await prepare();
  const { code } = await stream('node', ['examples/demo.mjs'], { env: toolEnvironment() });
  return code;
});
