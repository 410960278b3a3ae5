/**
 * The causes of an error: its `cause`, the last error of the AI SDK's `RetryError`, the errors of an `AggregateError`, of a
 * `SuppressedError` and of a WebSocket's `ErrorEvent`. Bounded, and safe against cycles.
 */

import { types } from 'node:util';
import { messageOf } from './json';
import { nameOf, ownCode } from './provider-failure';
import { bounded, read, readList, readPath, readText } from './thrown-values';

/** One cause of the thrown error, as data. */
export interface CauseFacts {
  message: string;
  name?: string;
  code?: string;
}

/** The maximum number of causes that are read. */
const CAUSES_MAX = 8;
const MESSAGE_MAX = 1024;

/** A cause: an error, or any other object or text that says something. */
export type Cause = object | string;

/** The causes of `thrown`, nearest first, without `thrown` itself. */
export function causesOf(thrown: object): Cause[] {
  const seen = new Set<Cause>([thrown]);
  const found: Cause[] = [];
  const queue: object[] = [thrown];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const cause of directCauses(next)) {
      if (found.length === CAUSES_MAX) return found;
      if (seen.has(cause)) continue;
      seen.add(cause);
      found.push(cause);
      if (typeof cause === 'object') queue.push(cause);
    }
  }
  return found;
}

function directCauses(error: object): Cause[] {
  const last = read(error, 'lastError');
  const candidates = [read(error, 'cause'), last];
  // A `RetryError` also lists the errors of earlier tries; they did not cause the last failure.
  if (last === undefined) candidates.push(...readList(error, 'errors', CAUSES_MAX));
  // The first one is what the other one, thrown while cleaning up, took the place of.
  candidates.push(...[read(error, 'suppressed'), read(error, 'error')].filter(types.isNativeError));
  return candidates.filter(saysSomething);
}

function saysSomething(value: unknown): value is Cause {
  if (typeof value === 'string') return value !== '';
  if (typeof value !== 'object' || value === null) return false;
  const hasText = ['message', 'code', 'name'].some((key) => readText(value, key) !== undefined);
  return hasText || ['code', 'status', 'statusCode'].some((key) => typeof read(value, key) === 'number');
}

export function describeCause(cause: Cause): CauseFacts {
  const facts: CauseFacts = { message: bounded(messageOfThrown(cause), MESSAGE_MAX) };
  if (typeof cause === 'string') return facts;
  const name = nameOf(cause);
  if (name !== undefined) facts.name = name;
  const code = ownCode(cause);
  if (code !== undefined) facts.code = bounded(code, 256);
  return facts;
}

/** An error's message. Of an object without one: what else it says of a failure, as a `Response` does by its status. */
export function messageOfThrown(thrown: unknown): string {
  const message = messageOf(thrown);
  if (!message.startsWith('[object ')) return message;
  const said = readPath(thrown, 'error', 'message') ?? read(thrown, 'details');
  if (typeof said === 'string' && said !== '') return said;
  const status = read(thrown, 'status') ?? read(thrown, 'statusCode');
  if (typeof status !== 'number') return message;
  const words = readText(thrown, 'statusText');
  return words === undefined ? `HTTP status ${status}` : `HTTP status ${status} ${words}`;
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
