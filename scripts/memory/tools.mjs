// The memory tools of this machine: where they are, or what is missing.
import { existsSync } from 'node:fs';
import { capture } from '../command.mjs';

/** LeakSanitizer's library, which finds what nobody points to any more when a process ends. */
export async function findLeakSanitizer() {
  if (process.platform !== 'linux') return { missing: 'LeakSanitizer is preloaded on Linux only' };
  const { stdout } = await capture('/sbin/ldconfig', ['-p']);
  const library = /liblsan\.so\.\d+ .*=> (\S+)/.exec(stdout)?.[1];
  if (library === undefined || !existsSync(library)) {
    return { missing: 'liblsan not found: apt-get install liblsan0' };
  }
  return { library };
}

/** valgrind, which also sees each read and write. */
export async function findValgrind() {
  const { code, stdout } = await capture('valgrind', ['--version']);
  if (code !== 0) return { missing: 'valgrind not found: apt-get install valgrind' };
  return { version: stdout.trim() };
}
