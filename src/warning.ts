/** What becomes of the failures of callbacks whose work nobody waits for. */

import { types } from 'node:util';
import { messageOf } from './json';

/** Tells the process what was thrown, whatever it is. Never throws. */
export function warn(thrown: unknown): void {
  try {
    process.emitWarning(types.isNativeError(thrown) ? thrown : messageOf(thrown));
  } catch {
    process.emitWarning('an error that cannot be read'); // Its name or its stack throws.
  }
}
