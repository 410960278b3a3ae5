// The size of the native addon: of the `.node` file that `require` has loaded.
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { contenders } from '../contenders/index.mjs';

const require = createRequire(import.meta.url);
const bytesOfMegabyte = 1_000_000;

/** @returns `size` in MB. */
export function measure(contender) {
  for (const specifier of contenders[contender].modules) require(specifier);
  const addon = process.report.getReport().sharedObjects.findLast((file) => file.endsWith('.node'));
  return { size: statSync(addon).size / bytesOfMegabyte };
}
