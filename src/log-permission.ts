/**
 * Applies Node's permission model to the files of logs. Node does not see which files an addon opens, so this package checks
 * them first. Throws the same error as Node's `fs` functions.
 */

import { native } from './native';

/** How a log uses its files. */
export type FileAccess = 'read' | 'write';

/** `process.permission`, which exists only under `--permission`. */
interface Permission {
  has(scope: string, reference: string): boolean;
}

const NEEDED = {
  read: { scope: 'fs.read', permission: 'FileSystemRead', flag: '--allow-fs-read' },
  write: { scope: 'fs.write', permission: 'FileSystemWrite', flag: '--allow-fs-write' },
} as const;

/**
 * Throws if the process may not access a file of the log: the file itself, the files beside it, or folders to be created.
 *
 * @throws Error with `code: 'ERR_ACCESS_DENIED'`, `permission` and `resource`, as Node throws it.
 */
export function checkPermission(path: string, access: FileAccess): void {
  const permission = (process as { permission?: Permission }).permission;
  if (typeof permission?.has !== 'function') return;
  const { scope, ...needed } = NEEDED[access];
  const denied = native.filesOfLog(path, access === 'write').find((file) => !permission.has(scope, file));
  if (denied !== undefined) throw accessDenied(denied, needed);
}

function accessDenied(resource: string, { permission, flag }: { permission: string; flag: string }): Error {
  const error = new Error(`Access to this API has been restricted. Use ${flag} to manage permissions.`);
  return Object.assign(error, { code: 'ERR_ACCESS_DENIED', permission, resource });
}
