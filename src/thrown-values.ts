/**
 * Safe, bounded reads of values that a runner threw. The value may be anything, even hostile: no read throws, and large
 * values are truncated. Does not know errors or providers.
 */

import { types } from 'node:util';
import { toWellFormed, withoutHalves } from './json';

const BODY_MAX = 64 * 1024;
/** Rust reads JSON of 127 levels, and the body lies a few levels deep in the record of a failure. */
const BODY_DEPTH_MAX = 100;

/** One property, or undefined when it does not exist or reading it throws. */
export function read(target: unknown, key: string | symbol): unknown {
  if ((typeof target !== 'object' && typeof target !== 'function') || target === null) return undefined;
  try {
    return (target as Record<string | symbol, unknown>)[key];
  } catch {
    return undefined;
  }
}

/** The property at the end of a path of keys. */
export function readPath(target: unknown, ...keys: string[]): unknown {
  return keys.reduce(read, target);
}

/** The property when it is a non-empty string. */
export function readText(target: unknown, key: string): string | undefined {
  const value = read(target, key);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The property as milliseconds since 1970 when it is a `Date`. */
export function readDate(target: unknown, key: string): number | undefined {
  const value = read(target, key);
  try {
    return types.isDate(value) ? Number(value) : undefined;
  } catch {
    return undefined;
  }
}

/** The first `max` items of the property when it is a readable list, else an empty list. */
export function readList(target: unknown, key: string, max: number): unknown[] {
  try {
    const list = read(target, key);
    return Array.isArray(list) ? list.slice(0, max) : [];
  } catch {
    return [];
  }
}

/** Well-formed text of at most `max` UTF-16 units, with an ellipsis when it was truncated. */
export function bounded(text: string, max: number): string {
  return toWellFormed(text.length > max ? `${text.slice(0, max)}…` : text);
}

/** An error of the web platform, such as that of an aborted `fetch`. Its `code` is a legacy number. */
export function isDomException(value: object): boolean {
  return read(value, Symbol.toStringTag) === 'DOMException';
}

/** One header of a `Headers` object, a `Map`, a plain object or undici's flat list. The case of the name does not matter. */
export function header(headers: unknown, name: string): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined;
  try {
    const { get } = headers as { get?: unknown };
    // A `Map` is asked for each name, because its keys may be in any case.
    if (typeof get === 'function' && !types.isMap(headers)) return headerText(get.call(headers, name));
    for (const [key, value] of entriesOf(headers)) {
      if (String(key).toLowerCase() === name) return headerText(value);
    }
  } catch {
    // Headers that cannot be read are ignored.
  }
  return undefined;
}

function entriesOf(headers: object): Iterable<[unknown, unknown]> {
  if (types.isMap(headers)) return headers;
  return Array.isArray(headers) ? pairs(headers) : Object.entries(headers);
}

/** A list of `[name, value]` pairs, or of alternating names and values. */
function pairs(list: unknown[]): Array<[unknown, unknown]> {
  if (Array.isArray(list[0])) return list as Array<[unknown, unknown]>;
  const found: Array<[unknown, unknown]> = [];
  for (let index = 0; index + 1 < list.length; index += 2) found.push([list[index], list[index + 1]]);
  return found;
}

/** The text of a header, or of the first one if it was sent several times. gRPC metadata returns a list. */
function headerText(value: unknown): string | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  if (typeof first === 'string') return first;
  return typeof first === 'number' ? String(first) : undefined;
}

/** The value as bounded JSON when it is plain data; undefined for streams, errors and other objects with behaviour. */
export function plainJson(value: unknown): unknown {
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
    // A value that is nested too deeply is kept as text.
    return isDeeper(body, BODY_DEPTH_MAX) ? withoutHalves(json) : body;
  } catch {
    return undefined;
  }
}

/** The JSON object in a text: the whole text, or the part from the first brace on. */
export function jsonIn(text: string): object | undefined {
  const start = text.indexOf('{');
  if (start < 0 || text.length > BODY_MAX) return undefined;
  try {
    const parsed: unknown = JSON.parse(text.slice(start));
    return typeof parsed === 'object' && parsed !== null ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** Whether plain data is nested deeper than this number of levels. */
function isDeeper(data: unknown, levels: number): boolean {
  if (typeof data !== 'object' || data === null) return false;
  return levels === 0 || Object.values(data).some((inner) => isDeeper(inner, levels - 1));
}
