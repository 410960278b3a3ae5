// A check that is one command: it passes when the command does.
import { capture } from '../command.mjs';
import { inProject, toolEnvironment } from '../project.mjs';

export async function command(name, args, extraEnvironment = {}) {
  // One target folder for all of cargo, so that the stand-alone crate compiles nothing twice.
  const target = { CARGO_TARGET_DIR: process.env.CARGO_TARGET_DIR ?? inProject('target') };
  const { code, output } = await capture(name, args, { env: toolEnvironment({ ...target, ...extraEnvironment }) });
  return code === 0 ? { outcome: 'passed' } : { outcome: 'failed', detail: output || `exit code ${code}` };
}
