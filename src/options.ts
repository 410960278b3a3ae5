/**
 * Reads option objects from the host. Each known field is read once. An unknown field is an error, because ignoring it would
 * silently drop an option that the host wanted. This file finds the unknown names; Rust suggests which name was meant.
 */

import type { Problem } from '../native/types';
import { InvalidRequestError } from './errors';
import { describe, describeClass, encodeOptions, hidesContent, JsonProblem, messageOf } from './json';
import { native } from './native';

/** All fields of an options object; each is read by Rust (`'json'`) or by TypeScript (`'host'`). */
export type Fields<T> = { readonly [Field in keyof Required<T>]: 'host' | 'json' };

/** An options object, read once. */
export interface GivenOptions<T> {
  /** The fields that TypeScript reads, unchanged. */
  readonly host: Partial<T>;
  /** The other fields, for Rust. An unknown field is `null`, so that Rust reports it. */
  readonly json: Record<string, unknown>;
  /** The names of the unknown fields. */
  readonly unknown: readonly string[];
}

/**
 * Reads each field once. A known field may be inherited, such as a getter of a class. An unknown field counts only when it
 * is an own property and is not `undefined`.
 *
 * @throws whatever a getter or a proxy throws.
 */
export function readFields<T extends object>(given: T, fields: Fields<T>): GivenOptions<T> {
  const host: Partial<T> = {};
  const json: Record<string, unknown> = {};
  const unknown: string[] = [];
  for (const name of Object.keys(fields) as Array<keyof T & string>) {
    const value = given[name];
    if (value === undefined) continue;
    if (fields[name] === 'host') host[name] = value;
    else json[name] = value;
  }
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(fields, name) || (given as Record<string, unknown>)[name] === undefined) continue;
    unknown.push(name);
    // Not an assignment, which would set the prototype for `__proto__`.
    Object.defineProperty(json, name, { value: null, enumerable: true });
  }
  return { host, json, unknown };
}

/**
 * Reads options of which Rust reads none.
 *
 * @param what names the options in the error message: `options of tail`.
 * @throws InvalidRequestError when there are unknown fields, or `given` is not an object.
 */
export function hostOptions<T extends object>(what: string, given: unknown, fields: Fields<T>): Partial<T> {
  const { host, unknown } = readOptions(what, '', given, fields);
  if (unknown.length > 0) throw invalid(what, unknownFields(unknown, fields));
  return host;
}

/** Checks for unknown fields without reading the known ones. @throws InvalidRequestError listing the unknown fields. */
export function checkNames(what: string, given: object, fields: object): void {
  checkObject(what, '', given);
  checkContent(what, '', given, hasKnownField(given, fields));
  const strangers = Object.keys(given).filter((name) => !Object.hasOwn(fields, name));
  const unknown = strangers.filter((name) => (given as Record<string, unknown>)[name] !== undefined);
  if (unknown.length > 0) throw invalid(what, unknownFields(unknown, fields));
}

/**
 * Like `readFields`, for any value.
 *
 * @param from `'own'`: inherited fields do not count, as in JSON.
 * @throws InvalidRequestError when it is not an object, or cannot be read.
 */
export function readOptions<T extends object>(
  what: string,
  path: string,
  given: unknown,
  fields: Fields<T>,
  from: 'own' | 'anywhere' = 'anywhere',
): GivenOptions<T> {
  checkObject(what, path, given);
  let options: GivenOptions<T>;
  try {
    options = readFields(from === 'own' ? { ...(given as T) } : (given as T), fields);
  } catch (error) {
    throw invalid(what, [{ path, message: `cannot be read: ${messageOf(error)}` }]);
  }
  checkContent(what, path, given, hasKnownField(given, fields));
  return options;
}

/** Whether any known field is there, also an inherited one. Reads none of them. */
function hasKnownField(given: object, fields: object): boolean {
  return Object.keys(fields).some((name) => name in given);
}

/** Whether any known field was given. */
export function hasFields({ host, json }: GivenOptions<object>): boolean {
  return Object.keys(host).length > 0 || Object.keys(json).length > 0;
}

/**
 * Refuses a `Map`, a promise or another object that keeps its content to itself, unless it has a known field, as an object
 * of a host's own class may.
 */
export function checkContent(what: string, path: string, given: object, hasKnownField: boolean): void {
  if (hasKnownField || !isHidden(given)) return;
  throw invalid(what, [{ path, message: `must be an object with options, got ${describeClass(given)}` }]);
}

/** @throws InvalidRequestError when it is not an object, or is an array. */
export function checkObject(what: string, path: string, given: unknown): asserts given is object {
  const got = describe(given);
  if (typeof given === 'object' && given !== null && got !== 'an array') return;
  throw invalid(what, [{ path, message: `must be an object, got ${got}` }]);
}

function isHidden(given: object): boolean {
  try {
    return hidesContent(given);
  } catch {
    return false; // A proxy that throws does so again where its content is read.
  }
}

/** One problem for each unknown name. */
export function unknownFields(names: readonly string[], fields: object, path = ''): Problem[] {
  const known = Object.keys(fields);
  return names.map((name) => ({
    path: path === '' ? name : `${path}.${name}`,
    message: native.unknownField(name, known),
  }));
}

/** Encodes the options for Rust. @throws InvalidRequestError when JSON cannot hold them. */
export function optionsJson(what: string, value: unknown, path = ''): string {
  const json = encodeOptions(value, path);
  if (json instanceof JsonProblem) throw invalid(what, [json]);
  return json;
}

/** @param what names the invalid object in the message: `request`, `engine options`, `filter`, … */
export function invalid(what: string, problems: readonly Problem[]): InvalidRequestError {
  const list = problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
  return new InvalidRequestError(`invalid ${what}: ${list}`, {
    problems: problems.map(({ path, message }) => ({ path, message })),
  });
}
