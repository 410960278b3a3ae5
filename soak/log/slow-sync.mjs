// An environment in which every sync to the disk takes longer. Only on Linux, and with a C compiler.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('slow-sync.c', import.meta.url));

/** Why syncs cannot be slowed here; undefined when they can. */
export function whyNotSlowed() {
  if (process.platform !== 'linux') return 'only tried on Linux';
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'there is no C compiler';
  }
}

/**
 * @param {string} folder where the compiled library goes
 * @param {number} milliseconds by how much each sync is slower
 */
export function slowedSyncs(folder, milliseconds) {
  const library = join(folder, 'slow-sync.so');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'], { stdio: 'pipe' });
  return { LD_PRELOAD: library, SLOW_SYNC_MS: String(milliseconds) };
}
