// npm run soak: set-up with the release build, then soak/main.mjs under Node 24, with its own arguments.
import { nodeFlags } from '../soak/node-flags.mjs';
import { stream } from './command.mjs';
import { prepare } from './prepare.mjs';
import { entry } from './progress.mjs';
import { toolEnvironment } from './project.mjs';

// Ctrl-C reaches the child too, which then gives its verdict so far.
process.on('SIGINT', () => {});

await entry(async () => {
  await prepare('release');
  const args = [...nodeFlags, 'soak/main.mjs', ...process.argv.slice(2)];
  const { code } = await stream('node', args, { env: toolEnvironment() });
  return code;
});
