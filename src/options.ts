/**
 * Objects of options, as hosts give them: each known field is read once, and a field that is not known is refused, because
 * leaving it out in silence would leave out what the host wanted. Finds the names; Rust knows which one was meant.
 */

import type { Problem } from '../native/types';
import { InvalidRequestError } from './errors';
import { describe, encodeOptions, JsonProblem, messageOf } from './json';
import { native } from './native';

/** The fields of an options object: all of them, and whether Rust reads it (`'json'`) or this side does (`'host'`). */
export type Fields<T> = { readonly [Field in keyof Required<T>]: 'host' | 'json' };

/** An options object, read once. */
export interface GivenOptions<T> {
  /** The fields that this side reads, as they were given. */
  readonly host: Partial<T>;
  /** What Rust is to read: the rest. A field that is not known is `null` in it, so that Rust names it. */
  readonly json: Record<string, unknown>;
  /** The names of the fields that are not known. */
  readonly unknown: readonly string[];
}

/**
 * Reads each field once. A known field may be inherited, as the getter of a class is; a field that is not known counts when
 * it is the object's own and is not `undefined`.
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
    // Not an assignment, which would take `__proto__` for something else.
    Object.defineProperty(json, name, { value: null, enumerable: true });
  }
  return { host, json, unknown };
}

/**
 * The fields of options that only this side reads.
 *
 * @param what what the options are of, for the message: `options of tail`.
 * @throws InvalidRequestError listing the fields that are not known, or saying that it is not an object.
 */
export function hostOptions<T extends object>(what: string, given: unknown, fields: Fields<T>): Partial<T> {
  const { host, unknown } = readOptions(what, '', given, fields);
  if (unknown.length > 0) throw invalid(what, unknownFields(unknown, fields));
  return host;
}

/** Refuses fields that are not known, and reads none of the known ones. @throws InvalidRequestError listing them. */
export function checkNames(what: string, given: object, fields: object): void {
  checkObject(what, '', given);
  const strangers = Object.keys(given).filter((name) => !Object.hasOwn(fields, name));
  const unknown = strangers.filter((name) => (given as Record<string, unknown>)[name] !== undefined);
  if (unknown.length > 0) throw invalid(what, unknownFields(unknown, fields));
}

/** As `readFields`, of whatever was given. @throws InvalidRequestError when it is not an object, or cannot be read. */
export function readOptions<T extends object>(
  what: string,
  path: string,
  given: unknown,
  fields: Fields<T>,
): GivenOptions<T> {
  checkObject(what, path, given);
  try {
    return readFields(given as T, fields);
  } catch (error) {
    throw invalid(what, [{ path, message: `cannot be read: ${messageOf(error)}` }]);
  }
}

/** @throws InvalidRequestError when it is not an object, or is an array. */
export function checkObject(what: string, path: string, given: unknown): asserts given is object {
  const got = describe(given);
  if (typeof given === 'object' && given !== null && got !== 'an array') return;
  throw invalid(what, [{ path, message: `must be an object, got ${got}` }]);
}

/** One problem for each name that is not known. */
export function unknownFields(names: readonly string[], fields: object, path = ''): Problem[] {
  const known = Object.keys(fields);
  return names.map((name) => ({
    path: path === '' ? name : `${path}.${name}`,
    message: native.unknownField(name, known),
  }));
}

/** The JSON of what Rust is to read. @throws InvalidRequestError when it has none. */
export function optionsJson(what: string, value: unknown, path = ''): string {
  const json = encodeOptions(value, path);
  if (json instanceof JsonProblem) throw invalid(what, [json]);
  return json;
}

/** @param what what is not valid, for the message: `request`, `engine options`, `filter`, … */
export function invalid(what: string, problems: readonly Problem[]): InvalidRequestError {
  const list = problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
  return new InvalidRequestError(`invalid ${what}: ${list}`, {
    problems: problems.map(({ path, message }) => ({ path, message })),
  });
}
