// Generated files must be what the Rust sources generate. Compared with what lay there before this run regenerated it,
// or in CI, where `npm test` may have regenerated it already, with what is committed.
import { existsSync, readFileSync } from 'node:fs';
import { capture } from '../command.mjs';
import { exportEventTypes } from '../event-types.mjs';
import { StepFailure } from '../progress.mjs';
import { inProject } from '../project.mjs';

// Set-up has written the first two by the time of the comparison; the third is written for it.
const generatedFiles = ['native/index.js', 'native/index.d.ts', 'native/types.d.ts'];

async function contentBefore(file) {
  if (process.env.CI) {
    const committed = await capture('git', ['show', `HEAD:${file}`]);
    if (committed.code === 0) return committed.stdout;
  }
  return existsSync(inProject(file)) ? readFileSync(inProject(file), 'utf8') : undefined;
}

export async function snapshotGenerated() {
  const snapshot = new Map();
  for (const file of generatedFiles) snapshot.set(file, await contentBefore(file));
  return snapshot;
}

export async function compareGenerated(before) {
  try {
    await exportEventTypes();
  } catch (error) {
    if (!(error instanceof StepFailure)) throw error;
    return { outcome: 'failed', detail: error.message };
  }
  const drifted = generatedFiles.filter((file) => {
    const now = existsSync(inProject(file)) ? readFileSync(inProject(file), 'utf8') : undefined;
    return now === undefined || now !== before.get(file);
  });
  if (drifted.length === 0) return { outcome: 'passed' };
  const detail = `not what the Rust sources generate: ${drifted.join(', ')}\nThey have been regenerated: look at them and commit them.`;
  return { outcome: 'failed', detail };
}
