/** Who reads a stream to its end, and what another one is told who tries to. */

import { StreamLockedError } from './errors';

export type StreamReader = 'a loop' | 'a readable stream';

/** Another reader has not finished. */
export function lockedError(reader: StreamReader): StreamLockedError {
  return new StreamLockedError(
    `${reader} reads this stream and has not finished, and two readers would share out its events: make a call for each, ` +
      'or read once and share what was read; result() may be awaited beside any reader',
  );
}

/** Who has taken a stream's events. */
export type ReadAlready = StreamReader | 'result()';

/** There is nothing left to read, and nothing will come. */
export function readAlreadyError(by: ReadAlready): StreamLockedError {
  const why = {
    'a loop': 'a loop has read this stream already',
    'a readable stream': 'a readable stream has read this stream already',
    'result()': 'this stream was read already: result() was asked for the whole call, and no loop took its events',
  }[by];
  return new StreamLockedError(
    `${why}; its events are delivered once: await result() for the answer, read them from the event log, or make another call`,
  );
}
