// cargo-deny, pinned: installed into target/tools when it is not there.
import { existsSync } from 'node:fs';
import { capture } from '../command.mjs';
import { inProject } from '../project.mjs';
import { outOfReach } from './online.mjs';

const version = '0.20.2';
const toolRoot = inProject('target', 'tools', `cargo-deny-${version}`);
const executable = `${toolRoot}/bin/cargo-deny${process.platform === 'win32' ? '.exe' : ''}`;

async function install() {
  if (existsSync(executable)) return { code: 0 };
  console.log(`  installing cargo-deny ${version} into target/tools, once: about a minute`);
  // Unoptimised: it is built faster than it would ever win back.
  const args = ['install', '--locked', '--debug', '--root', toolRoot, '--version', version, 'cargo-deny'];
  // Its own build folder: in ours it would make cargo forget what it has compiled.
  const env = { ...process.env, CARGO_TARGET_DIR: inProject('target', 'tools', 'build') };
  return capture('cargo', args, { env });
}

async function deny(args) {
  const installed = await install();
  return installed.code === 0 ? capture(executable, args) : installed;
}

function outcomeOf({ code, output }) {
  return code === 0 ? { outcome: 'passed' } : { outcome: 'failed', detail: output };
}

/** deny.toml's rules on licences, sources and banned crates: need nothing but the lock file and the crates. */
export async function cargoDenyRules() {
  return outcomeOf(await deny(['--log-level', 'error', 'check', 'bans', 'licenses', 'sources']));
}

/** Known vulnerabilities. The database is fetched apart from the check, so that the two failures are not confused. */
export async function cargoDenyAdvisories() {
  const fetched = await deny(['--log-level', 'error', 'fetch', 'db']);
  if (fetched.code !== 0) return outOfReach('the RustSec advisory database');
  return outcomeOf(await deny(['--log-level', 'error', 'check', 'advisories']));
}
