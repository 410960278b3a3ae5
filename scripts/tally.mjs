// How many tests and checks passed and failed: counted where they run, kept in target/tally/, summed up by .ci/run.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inProject } from './project.mjs';

const folder = inProject('target', 'tally');

export class Tally {
  passed = 0;
  failed = 0;

  add({ passed, failed }) {
    this.passed += passed;
    this.failed += failed;
  }

  /** A run that failed without a failed test still counts: it did not compile, say. */
  addRun(code, counts) {
    this.add(code !== 0 && counts.failed === 0 ? { passed: counts.passed, failed: 1 } : counts);
  }

  toString() {
    return `${this.passed} passed, ${this.failed} failed`;
  }
}

export function forgetTally(name) {
  rmSync(join(folder, `${name}.json`), { force: true });
}

export function keepTally(name, { passed, failed }) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify({ passed, failed })}\n`);
}

/** What a run kept; one that kept nothing died, and counts as one failure. */
export function readTally(name) {
  try {
    const { passed, failed } = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
    return { passed, failed };
  } catch {
    return { passed: 0, failed: 1 };
  }
}
