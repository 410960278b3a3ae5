// What a machine must have before anything else: Node and cargo, new enough. One clear line for each that is not.
import { readFileSync } from 'node:fs';
import { capture } from './command.mjs';
import { StepFailure } from './progress.mjs';
import { inProject } from './project.mjs';

function olderThan(version, minimum) {
  const [have, want] = [version, minimum].map((text) => text.split('.').map(Number));
  for (let part = 0; part < want.length; part += 1) {
    if ((have[part] ?? 0) !== want[part]) return (have[part] ?? 0) < want[part];
  }
  return false;
}

function nodeProblem() {
  const { engines } = JSON.parse(readFileSync(inProject('package.json'), 'utf8'));
  const minimum = engines.node.replace('>=', '');
  const have = process.versions.node;
  return olderThan(have, minimum)
    ? `Node ${minimum} or newer is needed, this is ${have}: see https://nodejs.org`
    : undefined;
}

async function cargoProblem() {
  const minimum = /^rust-version\s*=\s*"([^"]+)"/m.exec(readFileSync(inProject('Cargo.toml'), 'utf8'))[1];
  const { code, stdout } = await capture('cargo', ['--version']);
  if (code !== 0) return `cargo ${minimum} or newer is needed and was not found: install Rust from https://rustup.rs`;
  const have = /^cargo (\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? '0';
  return olderThan(have, minimum)
    ? `cargo ${minimum} or newer is needed, this is ${have}: run \`rustup update\``
    : undefined;
}

export async function requireTools() {
  const problems = [nodeProblem(), await cargoProblem()].filter(Boolean);
  for (const problem of problems) console.error(`✗ ${problem}`);
  if (problems.length > 0) throw new StepFailure('requirements', problems.join('\n'));
}
