/** Export and import: JSON Lines between a log and a stream, neither faster than the other. */

import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { ImportReport } from '../native/types';
import type { CallQuery, EventLog } from './event-log';

type AskLog = <T>(question: object) => Promise<T>;

/** How many characters of lines are given to the log at once. */
const LINES_LENGTH = 1 << 20;

export async function exportLines(
  log: EventLog,
  ask: AskLog,
  stream: Writable,
  filter: CallQuery,
): Promise<{ calls: number }> {
  let calls = 0;
  await write(stream, await ask<string>({ type: 'export-header' }));
  for await (const { traceId, status, erasedAt } of log.calls({ order: 'oldest', ...filter })) {
    if (status === 'open' || erasedAt !== undefined) continue;
    const lines = await ask<string | null>({ type: 'export-call', traceId });
    // Pruned or erased since it was listed.
    if (lines === null) continue;
    await write(stream, lines);
    calls += 1;
  }
  return { calls };
}

async function write(stream: Writable, text: string): Promise<void> {
  if (stream.destroyed || stream.writableEnded) throw stream.errored ?? new Error('the stream is closed');
  if (stream.write(text)) return;
  // Whichever comes first; `once` rejects with the stream's error.
  const closed = new AbortController();
  const drained = once(stream, 'drain', { signal: closed.signal });
  const close = () => closed.abort(stream.errored ?? new Error('the stream was closed before it took everything'));
  stream.once('close', close);
  try {
    await drained;
  } catch (error) {
    throw closed.signal.aborted ? closed.signal.reason : error;
  } finally {
    stream.off('close', close);
  }
}

export async function importLines(
  ask: AskLog,
  stream: Readable | AsyncIterable<string | Uint8Array>,
): Promise<ImportReport> {
  const decoder = new StringDecoder('utf8');
  let lines: string[] = [];
  let length = 0;
  let rest = '';
  try {
    for await (const chunk of stream) {
      const text = rest + (typeof chunk === 'string' ? chunk : decoder.write(Buffer.from(chunk)));
      const parts = text.split('\n');
      rest = parts.pop() ?? '';
      lines.push(...parts);
      length += text.length - rest.length;
      if (length < LINES_LENGTH) continue;
      await ask({ type: 'import', lines, last: false });
      lines = [];
      length = 0;
    }
    rest += decoder.end();
    if (rest !== '') lines.push(rest);
    return await ask<ImportReport>({ type: 'import', lines, last: true });
  } catch (error) {
    await ask({ type: 'import-abandoned' });
    throw error;
  }
}
