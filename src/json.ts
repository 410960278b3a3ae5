/**
 * From a value that a caller gave us to JSON, without ever throwing.
 * Owns finding the path of what cannot be JSON, so that the error can name it. Judges no content: that is Rust's.
 */

/** Why a value has no JSON, and where in it. */
export class JsonProblem {
  constructor(
    readonly path: string,
    readonly message: string,
  ) {}
}

/** How deep the search for the culprit goes; deeper values are blamed on the last path seen. */
const DEPTH_MAX = 64;

/**
 * UTF-8 has no half surrogate pairs. `JSON.stringify` writes whole pairs as they are and halves as `\udXXX`; an escaped
 * backslash before `ud…` is text, so it is found too, and kept.
 */
const HALF_PAIRS = /\\(?:\\|u(d[89a-f][0-9a-f]{2}))/g;

export function encodeJson(value: unknown, root: string): string | JsonProblem {
  try {
    const json = JSON.stringify(value) as string | undefined;
    if (json === undefined) return new JsonProblem(root, `must be JSON, got ${describe(value)}`);
    return json.includes('\\ud') ? json.replace(HALF_PAIRS, (found, half) => (half ? '\ufffd' : found)) : json;
  } catch (error) {
    try {
      const culprit = findCulprit(value, root, []);
      if (culprit !== undefined) return culprit;
    } catch {
      // A value that changes under our eyes; the first error says enough.
    }
    return new JsonProblem(root, messageOf(error));
  }
}

/** `JSON.parse` of text that Rust wrote. */
export function decodeJson<T>(json: string): T {
  return JSON.parse(json) as T;
}

/** A short name of a value's kind for an error message. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  switch (typeof value) {
    case 'undefined':
      return 'undefined';
    case 'object':
      return 'an object';
    default:
      return `a ${typeof value}`;
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

function findCulprit(value: unknown, path: string, ancestors: object[]): JsonProblem | undefined {
  if (typeof value === 'bigint') return new JsonProblem(path, 'a BigInt has no JSON');
  if (typeof value !== 'object' || value === null) return undefined;
  if (ancestors.includes(value)) return new JsonProblem(path, 'refers back to an object around it');
  if (ancestors.length === DEPTH_MAX) return new JsonProblem(path, 'is nested too deeply');
  ancestors.push(value);
  for (const key of Object.keys(value)) {
    const inner = Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`;
    let child: unknown;
    try {
      child = (value as Record<string, unknown>)[key];
    } catch (error) {
      return new JsonProblem(inner, `cannot be read: ${messageOf(error)}`);
    }
    const culprit = findCulprit(child, inner, ancestors);
    if (culprit !== undefined) return culprit;
  }
  ancestors.pop();
  return undefined;
}
