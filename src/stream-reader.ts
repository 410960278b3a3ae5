/** Who reads a stream to its end, and what another one is told who tries to. */

import { StreamLockedError } from './errors';

export type StreamReader = 'a loop' | 'a readable stream';

export function lockedError(reader: StreamReader): StreamLockedError {
  return new StreamLockedError(
    `${reader} reads this stream and has not finished, and two readers would share out its events: make a call for each, ` +
      'or read once and share what was read; result() may be awaited beside any reader',
  );
}
