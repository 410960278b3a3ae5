// The JavaScript tests: vitest over __test__, counted from its JSON report.
import { readFileSync, rmSync } from 'node:fs';
import { stream } from './command.mjs';
import { inProject, toolEnvironment } from './project.mjs';

const report = inProject('target', 'vitest-report.json');

function countsOfReport() {
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8'));
    return { passed: numPassedTests, failed: numFailedTests };
  } catch {
    return { passed: 0, failed: 0 };
  }
}

/** `args` are vitest's own: a file name pattern, `-t name`, … */
export async function runVitest(args) {
  // A report of an earlier run must not be counted for this one.
  rmSync(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { code } = await stream('vitest', ['run', ...reporters, ...args], { env: toolEnvironment() });
  return { code, counts: countsOfReport() };
}
