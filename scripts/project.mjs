// Where the project lies, and the environment in which its tools run.
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectRoot = fileURLToPath(new URL('..', import.meta.url));

export function inProject(...segments) {
  return join(projectRoot, ...segments);
}

const installedBinaries = [inProject('node_modules', 'node', 'bin'), inProject('node_modules', '.bin')];

function searchPath() {
  return (process.env.PATH ?? '').split(delimiter).filter((entry) => !entry.includes(join('node_modules', '.bin')));
}

/** The host's own tools only: what is in node_modules may be about to be replaced. */
export function hostEnvironment() {
  return { ...process.env, PATH: searchPath().join(delimiter) };
}

/** Node 24 and the tools of node_modules first, whatever Node this script itself was started with. */
export function toolEnvironment(extra = {}) {
  return { ...process.env, PATH: [...installedBinaries, ...searchPath()].join(delimiter), ...extra };
}
