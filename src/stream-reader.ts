/** The readers of a stream, and the error that a second reader gets. */

import { StreamLockedError } from './errors';

export type StreamReader = 'a loop' | 'a readable stream';

/** For a second reader while the first is still reading. */
export function lockedError(reader: StreamReader): StreamLockedError {
  return new StreamLockedError(
    `${reader} reads this stream and has not finished, and two readers would share out its events: make a call for each, ` +
      'or read once and share what was read; result() may be awaited beside any reader',
  );
}

/** What has read a stream's events. */
export type ReadAlready = StreamReader | 'result()';

/** For a second reader after the first has read all events. */
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
