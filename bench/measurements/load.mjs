// How long `require` takes in a process that has loaded nothing else.
import { createRequire } from 'node:module';
import { contenders } from '../contenders/index.mjs';

const require = createRequire(import.meta.url);

/** @returns `require` in milliseconds. */
export function measure(contender) {
  const startedAt = performance.now();
  for (const specifier of contenders[contender].modules) require(specifier);
  return { require: performance.now() - startedAt };
}
