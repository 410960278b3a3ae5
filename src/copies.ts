/**
 * The addons of this package that this thread has loaded: two versions of the package are two addons, and each has runner
 * slots of its own. Only knows of them, so that "no runner" can say where else one may have been registered.
 */

import { dirname } from 'node:path';
import { packageVersion } from './addon';
import { isFirstCopy } from './realm';

/** The form of an entry is fixed: versions of the package read each other's. */
interface LoadedAddon {
  readonly version: string;
  readonly directory: string;
}

const KEY = Symbol.for('car-inference.loaded-addons');
const home = process as unknown as Record<symbol, LoadedAddon[] | undefined>;
const own: LoadedAddon = { version: packageVersion, directory: dirname(__dirname) };

if (isFirstCopy) {
  if (home[KEY] === undefined) Object.defineProperty(process, KEY, { value: [] });
  home[KEY]?.push(own);
}

/** What to add to an error that says that no runner is registered; empty when there is only this addon. */
export function otherAddonsNote(): string {
  const others = (home[KEY] ?? []).filter(
    ({ version, directory }) => version !== own.version || directory !== own.directory,
  );
  if (others.length === 0) return '';
  const list = others.map(({ version, directory }) => `${version} in ${directory}`).join(', ');
  return (
    `; this is car-inference ${own.version} in ${own.directory}, and another one is loaded too (${list}): each has ` +
    'runners of its own, so register the runner with this one, or have only one installed'
  );
}
