// Starts processes that saturate logs: one with syncs as they are, another with slow ones.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { slowedSyncs } from './slow-sync.mjs';

const run = promisify(execFile);
const script = fileURLToPath(new URL('run.mjs', import.meta.url));

/**
 * One process.
 *
 * @param {{ durabilities: string[], durationMs: number, callers: number, slowSyncMs?: number }} options
 * @returns {Promise<import('./saturation.mjs').Report[]>} of each durability
 */
export async function saturateInProcess({ durabilities, durationMs, callers, slowSyncMs }) {
  const folder = mkdtempSync(join(tmpdir(), 'car-inference-saturation-'));
  try {
    const slowed = slowSyncMs === undefined ? {} : slowedSyncs(folder, slowSyncMs);
    const options = JSON.stringify({ folder, durabilities, durationMs, callers });
    const { stdout } = await run(process.execPath, [script, options], { env: { ...process.env, ...slowed } });
    return JSON.parse(stdout);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
