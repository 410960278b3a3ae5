/** A disk of a few megabytes, where this process may mount one. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export class SmallDisk {
  readonly folder = mkdtempSync(join(tmpdir(), 'car-inference-disk-'));

  constructor(size: string) {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', this.folder], { stdio: 'pipe' });
    } catch (error) {
      rmdirSync(this.folder);
      throw error;
    }
  }

  /** One for this test alone. */
  static ofTest(size: string): SmallDisk {
    const disk = new SmallDisk(size);
    onTestFinished(() => disk.remove());
    return disk;
  }

  remount(option: string): void {
    execFileSync('mount', ['-o', `remount,${option}`, this.folder], { stdio: 'pipe' });
  }

  remove(): void {
    // Lazily: a log that a failed test has left open must not keep it.
    execFileSync('umount', ['--lazy', this.folder], { stdio: 'pipe' });
    rmdirSync(this.folder);
  }
}

/** Why there can be none; undefined when there can. */
export function whyNoDisks(): string | undefined {
  if (process.platform !== 'linux') return 'only tried on Linux';
  try {
    new SmallDisk('1m').remove();
    return undefined;
  } catch {
    return 'this process may not mount a disk';
  }
}
