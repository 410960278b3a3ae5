// Under which circumstances a run was made: machine, versions, commit.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';

const root = new URL('../', import.meta.url);
const bytesOfGibibyte = 1024 ** 3;

function versionOf(folder) {
  return JSON.parse(readFileSync(new URL(`${folder}package.json`, root), 'utf8')).version;
}

function output(command, ...args) {
  return execFileSync(command, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

function git(...args) {
  return output('git', ...args);
}

/** What built the addon. */
function rustVersion() {
  try {
    return output('rustc', '--version').split(' ')[1];
  } catch {
    return 'unknown';
  }
}

function commit() {
  try {
    const isChanged = git('status', '--porcelain', '--untracked-files=no', '--', 'src', 'crates', 'bench') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${isChanged ? ' with changes' : ''}`;
  } catch {
    return 'unknown';
  }
}

/** The load average of the last minute: other work on the machine shows in every figure by the clock. */
export function load() {
  return loadavg()[0].toFixed(1);
}

/** @param peers the packages measured besides ours. */
export function circumstances(peers) {
  const [{ model }] = cpus();
  return {
    commit: commit(),
    machine: {
      cpu: model.trim(),
      cores: cpus().length,
      memory_GiB: Math.round(totalmem() / bytesOfGibibyte),
      system: `${type()} ${release()} ${process.arch}`,
    },
    versions: {
      Node: process.versions.node,
      rustc: rustVersion(),
      'car-inference': versionOf(''),
      ...Object.fromEntries(peers.map((name) => [name, versionOf(`node_modules/${name}/`)])),
    },
  };
}
