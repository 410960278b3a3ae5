// npm run crash: set-up, then crash/main.mjs under Node 24, with its own arguments.
import { stream } from './command.mjs';
import { prepare } from './prepare.mjs';
import { entry } from './progress.mjs';
import { toolEnvironment } from './project.mjs';

await entry(async () => {
  await prepare();
  const { code } = await stream('node', ['crash/main.mjs', ...process.argv.slice(2)], { env: toolEnvironment() });
  return code;
});
