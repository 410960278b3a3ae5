/** Where a log lies, as hosts say it: a path, or a `file:` URL of whatever context. */

import { fileURLToPath, type URL } from 'node:url';
import { LogError } from './errors';
import { describe, messageOf } from './json';

/** What a URL is told by: its class is another one in each context, and a context may have none. */
interface UrlLike {
  readonly href: string;
  readonly protocol: string;
}

/** Whether it looks like a URL. A proxy that throws does not. */
export function isUrl(value: unknown): value is URL {
  try {
    const { href, protocol } = (value ?? {}) as Partial<UrlLike>;
    return typeof value === 'object' && typeof href === 'string' && typeof protocol === 'string';
  } catch {
    return false;
  }
}

/**
 * @returns the path, or the text of what is none: Rust says what is wrong with it.
 * @throws TypeError when it is neither text nor a URL; LogError when the URL is no path.
 */
export function logPath(pathOrUrl: unknown): string {
  if (typeof pathOrUrl === 'string') return pathOrUrl;
  if (!isUrl(pathOrUrl)) {
    throw new TypeError(`the path of a log must be a string or a URL, got ${describe(pathOrUrl)}`);
  }
  if (pathOrUrl.protocol !== 'file:') return pathOrUrl.href;
  try {
    return fileURLToPath(pathOrUrl.href);
  } catch (error) {
    throw new LogError(`the URL is no path: ${messageOf(error)}`, { reason: 'invalid-path', cause: error });
  }
}
