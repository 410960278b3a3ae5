// Fresh folders on the disk that the project is on: the system's own for temporary files may be in memory, where syncing is
// free. Gone with the process.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const place = fileURLToPath(new URL('../target/bench-log/', import.meta.url));

export function freshFolder() {
  mkdirSync(place, { recursive: true });
  const folder = mkdtempSync(join(place, 'run-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
