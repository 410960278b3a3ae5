// npm audit: what the package brings along (nothing, today), and what it is built and tested with.
import { capture } from '../command.mjs';
import { hostEnvironment } from '../project.mjs';
import { outOfReach } from './online.mjs';

async function audit(args) {
  const { code, stdout, output } = await capture('npm', ['audit', '--json', ...args], { env: hostEnvironment() });
  let report = {};
  try {
    report = JSON.parse(stdout);
  } catch {
    // Not a report: handled as such below.
  }
  // npm ends with 1 for both findings and an unreachable registry; only a report has a version.
  if (report.auditReportVersion === undefined) return outOfReach("npm's audit service");
  return code === 0 ? { outcome: 'passed' } : { outcome: 'failed', detail: output };
}

export function auditRuntime() {
  return audit(['--omit=dev']);
}

/** Tools never reach a user's machine: only what is serious enough to stop work fails here. */
export function auditEverything() {
  return audit(['--audit-level=high']);
}
