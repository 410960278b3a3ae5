/** The readers of a stream, and the error that a second reader gets. */

import { StreamLockedError } from './errors';

export type StreamReader = 'a loop' | 'a readable stream';

/** For a second reader while the first is still reading. */
export function lockedError(reader: StreamReader): StreamLockedError {
  return new StreamLockedError(
    `${reader} is already reading this stream, and each event is delivered to one reader only; make a call for each reader, ` +
      'or read once and share the events; you can await result() beside any reader',
  );
}

/** What has read a stream's events. */
export type ReadAlready = StreamReader | 'result()';

/** For a second reader after the first has read all events. */
export function readAlreadyError(by: ReadAlready): StreamLockedError {
  const why = {
    'a loop': 'a loop has already read this stream',
    'a readable stream': 'a readable stream has already read this stream',
    'result()': 'result() has already read this stream',
  }[by];
  return new StreamLockedError(
    `${why}; its events are delivered once: await result() for the answer, read them from the event log, or make another call`,
  );
}
