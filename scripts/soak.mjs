// npm run soak: set-up with the release build, then soak/main.mjs, or soak/log/main.mjs with `--log`, under Node 24.
import { nodeFlags } from '../soak/node-flags.mjs';
import { stream } from './command.mjs';
import { prepare } from './prepare.mjs';
import { entry } from './progress.mjs';
import { toolEnvironment } from './project.mjs';

// Ctrl-C reaches the child too, which then gives its verdict so far.
process.on('SIGINT', () => {});

await entry(async () => {
  await prepare('release');
  const given = process.argv.slice(2);
  const main = given.includes('--log') ? 'soak/log/main.mjs' : 'soak/main.mjs';
  const args = [...nodeFlags, main, ...given];
  const { code } = await stream('node', args, { env: toolEnvironment() });
  return code;
});
