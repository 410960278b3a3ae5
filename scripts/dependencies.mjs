// node_modules, as package-lock.json says. Installs only when the two differ.
import { existsSync, readFileSync } from 'node:fs';
import { capture } from './command.mjs';
import { step } from './progress.mjs';
import { hostEnvironment, inProject } from './project.mjs';

function packages(...path) {
  const file = inProject(...path);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')).packages ?? {}) : {};
}

/** Why node_modules is not what the lock file says, or undefined. Optional packages may be absent: other platforms'. */
function staleness() {
  const installed = packages('node_modules', '.package-lock.json');
  if (Object.keys(installed).length === 0) return 'first run';
  for (const [path, wanted] of Object.entries(packages('package-lock.json'))) {
    if (path === '' || wanted.link) continue;
    const present = installed[path];
    const mayBeAbsent = wanted.optional || wanted.devOptional || wanted.peer;
    if (present ? present.version !== wanted.version : !mayBeAbsent) return `${path} changed`;
  }
  // The `node` package fetches its binary in an install script, which may have been switched off.
  const node = inProject('node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  return existsSync(node) ? undefined : 'Node 24 is missing';
}

export async function installDependencies() {
  const reason = staleness();
  if (!reason) return;
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts=false'];
  await step(`install npm packages (${reason})`, () => capture('npm', args, { env: hostEnvironment() }), {
    quiet: true,
  });
}
