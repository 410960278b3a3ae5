/**
 * Node's permission model for the files of logs: Node does not see what an addon opens, so this package asks before it does.
 * Refuses as Node refuses its own `fs` functions.
 */

import { native } from './native';

/** What a log needs its files for. */
export type FileAccess = 'read' | 'write';

/** `process.permission`, which is there under `--permission` only. */
interface Permission {
  has(scope: string, reference: string): boolean;
}

const NEEDED = {
  read: { scope: 'fs.read', permission: 'FileSystemRead', flag: '--allow-fs-read' },
  write: { scope: 'fs.write', permission: 'FileSystemWrite', flag: '--allow-fs-write' },
} as const;

/**
 * Refuses a log whose files the process may not touch: the file itself, those beside it, and folders that would be made.
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
