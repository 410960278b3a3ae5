/**
 * From a value that a caller gave us to JSON, without ever throwing.
 * Owns finding the path of what cannot be JSON, so that the error can name it. Judges no content: that is Rust's.
 */

import { types } from 'node:util';

/** Why JSON cannot hold a value, and where in it. */
export class JsonProblem {
  constructor(
    readonly path: string,
    readonly message: string,
  ) {}
}

/** How much of a field's name goes into a path. */
const KEY_MAX = 64;

/** As deep as Rust reads, the value itself included: whatever has no JSON and is nested deeper is blamed for that. */
const DEPTH_MAX = 127;

/** How many steps of the path to something that is nested too deeply are told: enough to find it. */
const DEEP_PATH_STEPS = 3;

/** How many values are looked at to find what has no JSON: where all are made as they are read, there is no end. */
const LOOKS_MAX = 100_000;

/**
 * UTF-8 has no half surrogate pairs. `JSON.stringify` writes whole pairs as they are and halves as `\udXXX`; an escaped
 * backslash before `ud…` is text, so it is found too, and kept.
 */
const HALF_PAIRS = /\\(?:\\|u(d[89a-f][0-9a-f]{2}))/g;

/** @param root the path of the value itself; empty where its fields are named without it. */
export function encodeJson(value: unknown, root = ''): string | JsonProblem {
  return encode(value, root, () => {
    const json = JSON.stringify(value) as string | undefined;
    return json !== undefined && mayHaveLost(json) ? stringify(value, lossless(root, refuse)) : json;
  });
}

/**
 * Like `encodeJson`, for options. A value that JSON cannot hold, also a function, is replaced by a marker with the error
 * message. Rust reads the marker and lists the message with all other problems.
 */
export function encodeOptions(value: unknown, root = ''): string | JsonProblem {
  return encode(value, root, () => stringify(value, lossless(root, markNoJson)));
}

/** The marker that replaces a value without JSON; `shape/walk.rs` reads it. */
function markNoJson(_path: string, message: string): object {
  return { 'car-inference.no-json': message };
}

function refuse(path: string, message: string): never {
  throw new JsonProblem(path, message);
}

/** A replacer function of `JSON.stringify`. */
type Replacer = (this: unknown, key: string, value: unknown) => unknown;

function stringify(value: unknown, replacer: Replacer): string | undefined {
  return JSON.stringify(value, replacer) as string | undefined;
}

function encode(value: unknown, root: string, write: () => string | undefined): string | JsonProblem {
  try {
    const json = write();
    if (json === undefined) return new JsonProblem(root, `must be JSON, got ${describe(value)}`);
    return withoutHalves(json);
  } catch (error) {
    if (error instanceof JsonProblem) return error;
    try {
      const culprit = new CulpritSearch().find(value, root);
      if (culprit !== undefined) return culprit;
    } catch {
      // A value that changes under our eyes; the first error says enough.
    }
    return new JsonProblem(root, `cannot be written as JSON: ${messageOf(error)}`);
  }
}

/** The same JSON with each half surrogate pair replaced by U+FFFD, in keys too. */
export function withoutHalves(json: string): string {
  return json.includes('\\ud') ? json.replace(HALF_PAIRS, (found, half) => (half ? '\ufffd' : found)) : json;
}

/** `JSON.parse` of text that Rust wrote. */
export function decodeJson<T>(json: string): T {
  return JSON.parse(json) as T;
}

/** A short name of a value's kind for an error message. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (isArray(value)) return 'an array';
  switch (typeof value) {
    case 'undefined':
      return 'undefined';
    case 'object':
      return 'an object';
    default:
      return `a ${typeof value}`;
  }
}

/** `Array.isArray`, which throws at a proxy that has been revoked. */
function isArray(value: unknown): boolean {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** An error's message, or the nearest thing that a thrown value has. Never throws. */
export function messageOf(value: unknown): string {
  try {
    if (typeof value === 'string') return value;
    if (typeof value === 'object' && value !== null) {
      const message = (value as { message?: unknown }).message;
      if (typeof message === 'string') return message;
    }
    return String(value);
  } catch {
    return 'a value that cannot be read';
  }
}

/** The same text with each half surrogate pair replaced by U+FFFD. */
export function toWellFormed(text: string): string {
  return (text as string & { toWellFormed(): string }).toWellFormed();
}

/**
 * Whether `JSON.stringify` may have written something else than it was given. It writes NaN, and in arrays what has no
 * JSON, as `null`; objects that keep their content to themselves as `{}`; views of bytes field by field.
 */
function mayHaveLost(json: string): boolean {
  return json.includes('null') || json.includes('{}') || json.includes('{"0":');
}

/**
 * A replacer that calls `lost` for each value that JSON would silently lose, and writes its result. Other values stay
 * unchanged. A property that is a function or a symbol is dropped, as in JSON, unless it is an option.
 */
function lossless(root: string, lost: (path: string, message: string) => object): Replacer {
  // The objects around the current value, each with its path: `JSON.stringify` only tells the innermost.
  const around: Array<{ object: unknown; path: string }> = [];
  return function (key, value) {
    while (around.length > 0 && around.at(-1)?.object !== this) around.pop();
    const parent = around.at(-1);
    const path = parent === undefined ? root : inside(parent.path, parent.object, key);
    const message = lossOf(value, Array.isArray(this) ? 'item' : lost === markNoJson ? 'option' : 'property');
    const written = message === undefined ? value : lost(path, message);
    if (typeof written === 'object' && written !== null) around.push({ object: written, path });
    return written;
  };
}

/** Says what JSON would lose of a value in this place; undefined when it would lose nothing. */
function lossOf(value: unknown, place: 'item' | 'option' | 'property'): string | undefined {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? undefined : `${value} has no JSON`;
    case 'bigint':
      return 'a BigInt has no JSON';
    case 'undefined':
      return place === 'item' ? 'undefined has no JSON' : undefined;
    case 'function':
    case 'symbol':
      return place === 'property' ? undefined : `${describe(value)} has no JSON`;
    case 'object':
      if (value === null) return undefined;
      if (types.isNumberObject(value)) return lossOf(Number(value), place);
      if (ArrayBuffer.isView(value)) return 'a view of bytes has no JSON; pass a string or an array';
      return hidesContent(value) ? `${describeClass(value)} has no JSON` : undefined;
    default:
      return undefined;
  }
}

/** Whether an object is no plain one and yet would be written as `{}`: a Map, a Promise, an Error. */
export function hidesContent(value: object): boolean {
  if (Array.isArray(value) || types.isBoxedPrimitive(value) || Object.keys(value).length > 0) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Also plain objects of another realm, whose Object.prototype is not ours.
  return prototype !== null && Object.getPrototypeOf(prototype) !== null;
}

/** Names the class of an object, for an error message. */
export function describeClass(value: object): string {
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== '' ? `an object of class ${name.slice(0, 64)}` : 'an object';
}

function inside(path: string, parent: unknown, key: string): string {
  if (Array.isArray(parent)) return `${path}[${key}]`;
  const name = key.slice(0, KEY_MAX);
  return path === '' ? name : `${path}.${name}`;
}

/** Looks for what `JSON.stringify` failed at. */
class CulpritSearch {
  /** The objects around the current value, outermost first, each with its path. */
  readonly #around = new Map<object, string>();
  /** Objects in which nothing was found: what is referred to from many places is looked at once. */
  readonly #innocent = new Set<object>();
  #looks = 0;

  find(given: unknown, path: string): JsonProblem | undefined {
    let value = given;
    try {
      const toJson = (value as { toJSON?: unknown } | null | undefined)?.toJSON;
      if (typeof toJson === 'function') value = toJson.call(value, '');
    } catch (error) {
      return new JsonProblem(path, `cannot be read: ${messageOf(error)}`);
    }
    if (typeof value === 'bigint') return new JsonProblem(path, 'a BigInt has no JSON');
    if (typeof value !== 'object' || value === null || this.#innocent.has(value)) return undefined;
    if (this.#around.has(value)) return new JsonProblem(path, 'refers back to an object around it');
    if (this.#around.size === DEPTH_MAX) {
      const shown = [...this.#around.values()][DEEP_PATH_STEPS] ?? path;
      return new JsonProblem(shown, `is nested deeper than ${DEPTH_MAX} levels`);
    }
    this.#looks += 1;
    if (this.#looks > LOOKS_MAX) throw new Error('too many values to find the one that JSON cannot hold');
    this.#around.set(value, path);
    for (const key of Object.keys(value)) {
      const culprit = this.#findIn(value, key, inside(path, value, key));
      if (culprit !== undefined) return culprit;
    }
    this.#around.delete(value);
    this.#innocent.add(value);
    return undefined;
  }

  #findIn(object: object, key: string, path: string): JsonProblem | undefined {
    let found: unknown;
    try {
      found = (object as Record<string, unknown>)[key];
    } catch (error) {
      return new JsonProblem(path, `cannot be read: ${messageOf(error)}`);
    }
    return this.find(found, path);
  }
}
