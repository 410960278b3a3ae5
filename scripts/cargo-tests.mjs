// The Rust tests, doc tests included: the workspace, and the stand-alone crate that uses the core as an outsider does.
import { stripVTControlCharacters } from 'node:util';
import { stream } from './command.mjs';
import { inProject } from './project.mjs';

const resultLine = /^test result: \S+ (\d+) passed; (\d+) failed;/;

export const cargoTestRuns = [
  { title: 'cargo test (workspace)', args: ['--workspace'] },
  // Its target folder is the workspace's, so that what both use is compiled once.
  { title: 'cargo test (seed-compat)', args: ['--manifest-path', '__test__/seed-compat/Cargo.toml'] },
];

/** Runs one of them and returns its exit code and counts. */
export async function runCargoTests({ args }) {
  const counts = { passed: 0, failed: 0 };
  const onLine = (line) => {
    const [, passed, failed] = resultLine.exec(stripVTControlCharacters(line)) ?? [];
    counts.passed += Number(passed ?? 0);
    counts.failed += Number(failed ?? 0);
  };
  const env = { ...process.env, CARGO_TARGET_DIR: process.env.CARGO_TARGET_DIR ?? inProject('target') };
  const { code } = await stream('cargo', ['test', '--no-fail-fast', ...args], { env, onLine });
  return { code, counts };
}
