// npm run bench:log: the release addon, then bench/log/main.mjs under Node 24 with the arguments given.
import { stream } from './command.mjs';
import { installPeers } from './peers.mjs';
import { prepare } from './prepare.mjs';
import { entry } from './progress.mjs';
import { toolEnvironment } from './project.mjs';

await entry(async () => {
  await prepare('release');
  await installPeers();
  const { code } = await stream('node', ['bench/log/main.mjs', ...process.argv.slice(2)], { env: toolEnvironment() });
  return code;
});
