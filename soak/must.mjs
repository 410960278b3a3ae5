// What a call must have done; anything else is a mismatch, which fails the soak.
import { isDeepStrictEqual } from 'node:util';

export class Mismatch extends Error {}

function shown(value) {
  const text = value instanceof Error ? `${value.name}: ${value.message}` : (JSON.stringify(value) ?? String(value));
  return text.length > 200 ? `${text.slice(0, 200)}… (${text.length} characters)` : text;
}

export function mustBe(what, actual, expected) {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new Mismatch(`${what}: expected ${shown(expected)}, got ${shown(actual)}`, { cause: actual });
}

export function mustBeError(error, Class, fields) {
  if (!(error instanceof Class)) {
    throw new Mismatch(`expected a ${Class.name}, got ${shown(error)}`, { cause: error });
  }
  for (const [name, expected] of Object.entries(fields)) mustBe(`${Class.name}.${name}`, error[name], expected);
}
