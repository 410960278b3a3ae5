/**
 * The causes of an error: its `cause`, the last error of the AI SDK's `RetryError`, the errors of an `AggregateError`.
 * Bounded, and safe against cycles.
 */

import { messageOf } from './json';
import { nameOf } from './provider-failure';
import { bounded, read, readList, readText } from './thrown-values';

/** One cause of the thrown error, as data. */
export interface CauseFacts {
  message: string;
  name?: string;
  code?: string;
}

/** The maximum number of causes that are read. */
const CAUSES_MAX = 8;
const MESSAGE_MAX = 1024;

/** The causes of `thrown`, nearest first, without `thrown` itself. */
export function causesOf(thrown: object): object[] {
  const seen = new Set<object>([thrown]);
  const found: object[] = [];
  const queue: object[] = [thrown];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const cause of directCauses(next)) {
      if (found.length === CAUSES_MAX) return found;
      if (seen.has(cause)) continue;
      seen.add(cause);
      found.push(cause);
      queue.push(cause);
    }
  }
  return found;
}

function directCauses(error: object): object[] {
  const last = read(error, 'lastError');
  const candidates = [read(error, 'cause'), last];
  // A `RetryError` also lists the errors of earlier tries; they did not cause the last failure.
  if (last === undefined) candidates.push(...readList(error, 'errors', CAUSES_MAX));
  return candidates.filter(
    (value): value is object => typeof value === 'object' && value !== null && isErrorLike(value),
  );
}

function isErrorLike(value: object): boolean {
  return (
    readText(value, 'message') !== undefined ||
    readText(value, 'code') !== undefined ||
    readText(value, 'name') !== undefined
  );
}

export function describeCause(cause: object): CauseFacts {
  const facts: CauseFacts = { message: bounded(messageOf(cause), MESSAGE_MAX) };
  const name = nameOf(cause);
  if (name !== undefined) facts.name = name;
  const code = read(cause, 'code');
  if ((typeof code === 'string' && code !== '') || typeof code === 'number') facts.code = bounded(String(code), 256);
  return facts;
}

/** The message with the messages of its causes appended: `fetch failed: connect ECONNREFUSED 127.0.0.1:80`. */
export function messageWithCauses(message: string, causes: readonly CauseFacts[]): string {
  let whole = message;
  for (const { message: text, code } of causes) {
    const said = text === '' ? (code ?? '') : code === undefined || text.includes(code) ? text : `${text} (${code})`;
    if (said === '' || whole.includes(text === '' ? said : text)) continue;
    whole = whole === '' ? said : `${whole.replace(/\.$/, '')}: ${said}`;
  }
  return whole;
}
