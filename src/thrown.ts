/**
 * What a runner threw, as plain data that Rust can carry. The value may be anything and hostile: every read is guarded,
 * everything is bounded. The value itself never crosses; it stays in this realm under a number.
 */

import { describe, messageOf, toWellFormed, withoutHalves } from './json';
import { RunnerDeclinedError } from './runner-errors';

/** The `error` of an outcome, as the addon expects it. */
export interface ThrownFacts {
  kind: 'declined' | 'failed';
  message: string;
  name?: string;
  code?: string;
  status?: number;
  retryAfterMs?: number;
  body?: unknown;
  retryable?: boolean;
  causeId?: number;
  stack?: string;
}

const MESSAGE_MAX = 8 * 1024;
const STACK_MAX = 16 * 1024;
const BODY_MAX = 64 * 1024;
/** Rust reads JSON of 127 levels, and the body lies in a few of ours. */
const BODY_DEPTH_MAX = 100;
const RETRY_AFTER_MAX_MS = 7 * 24 * 60 * 60 * 1000;

export function describeThrown(thrown: unknown): ThrownFacts {
  const facts: ThrownFacts = {
    kind: RunnerDeclinedError.isInstance(thrown) ? 'declined' : 'failed',
    message: bounded(thrown === undefined ? 'undefined was thrown' : messageOf(thrown), MESSAGE_MAX),
  };
  if ((typeof thrown !== 'object' && typeof thrown !== 'function') || thrown === null) return facts;
  if (facts.message === '') facts.message = `${describe(thrown)} without a message was thrown`;

  const name = read(thrown, 'name');
  if (typeof name === 'string' && name !== '') facts.name = bounded(name, 256);
  const code = read(thrown, 'code');
  if (typeof code === 'string' && code !== '') facts.code = bounded(code, 256);
  else if (typeof code === 'number') facts.code = String(code);
  const stack = read(thrown, 'stack');
  if (typeof stack === 'string') facts.stack = bounded(stack, STACK_MAX);
  const retryable = read(thrown, 'retryable');
  if (typeof retryable === 'boolean') facts.retryable = retryable;

  const response = read(thrown, 'response');
  const status = firstNumber(read(thrown, 'status'), read(thrown, 'statusCode'), read(response, 'status'));
  if (status !== undefined && Number.isInteger(status) && status >= 100 && status <= 999) facts.status = status;

  const retryAfterMs = findRetryAfterMs(thrown, response);
  if (retryAfterMs !== undefined) facts.retryAfterMs = Math.min(Math.ceil(retryAfterMs), RETRY_AFTER_MAX_MS);

  const body = findBody(thrown);
  if (body !== undefined) facts.body = body;
  return facts;
}

/** One property, or undefined when there is none or reading it throws. */
function read(target: unknown, key: string): unknown {
  if ((typeof target !== 'object' && typeof target !== 'function') || target === null) return undefined;
  try {
    return (target as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

function bounded(text: string, max: number): string {
  return toWellFormed(text.length > max ? `${text.slice(0, max)}…` : text);
}

function firstNumber(...values: unknown[]): number | undefined {
  return values.find((value): value is number => typeof value === 'number' && Number.isFinite(value));
}

function findRetryAfterMs(thrown: object, response: unknown): number | undefined {
  const own = firstNumber(read(thrown, 'retryAfterMs'));
  if (own !== undefined) return own >= 0 ? own : undefined;
  for (const headers of [read(thrown, 'headers'), read(thrown, 'responseHeaders'), read(response, 'headers')]) {
    const ms = Number.parseFloat(header(headers, 'retry-after-ms') ?? '');
    if (Number.isFinite(ms) && ms >= 0) return ms;
    const after = header(headers, 'retry-after')?.trim();
    if (after === undefined || after === '') continue;
    const seconds = Number(after);
    if (Number.isFinite(seconds)) return seconds >= 0 ? seconds * 1000 : undefined;
    const date = Date.parse(after);
    if (Number.isFinite(date)) return Math.max(0, date - Date.now());
  }
  return undefined;
}

/** One header of a `Headers` object or of a plain object, whatever the case of its name. */
function header(headers: unknown, name: string): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined;
  try {
    const get = (headers as { get?: unknown }).get;
    if (typeof get === 'function') {
      const value: unknown = get.call(headers, name);
      return typeof value === 'string' ? value : undefined;
    }
    for (const [key, value] of Object.entries(headers)) {
      if (key.toLowerCase() !== name) continue;
      return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
    }
  } catch {
    // Headers that cannot be read are no headers.
  }
  return undefined;
}

/** The provider's error body under the names that the common SDKs give it. */
function findBody(thrown: object): unknown {
  for (const key of ['error', 'body', 'responseBody', 'data']) {
    const body = plainJson(read(thrown, key));
    if (body !== undefined) return body;
  }
  return undefined;
}

/** The value as bounded JSON when it is plain data; undefined for streams, errors and other objects with a life. */
function plainJson(value: unknown): unknown {
  if (value === undefined || value === null || typeof value === 'function') return undefined;
  if (typeof value === 'string') return bounded(value, BODY_MAX);
  try {
    if (typeof value === 'object' && !Array.isArray(value)) {
      const prototype: unknown = Object.getPrototypeOf(value);
      // Also plain objects of another realm, whose Object.prototype is not ours.
      if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return undefined;
    }
    const json = JSON.stringify(value) as string | undefined;
    if (json === undefined) return undefined;
    if (json.length > BODY_MAX) return bounded(withoutHalves(json), BODY_MAX);
    const body: unknown = JSON.parse(withoutHalves(json));
    // What is nested too deeply for data is still worth reading as text.
    return isDeeper(body, BODY_DEPTH_MAX) ? withoutHalves(json) : body;
  } catch {
    return undefined;
  }
}

/** Whether plain data is nested deeper than so many levels. */
function isDeeper(data: unknown, levels: number): boolean {
  if (typeof data !== 'object' || data === null) return false;
  return levels === 0 || Object.values(data).some((inner) => isDeeper(inner, levels - 1));
}
