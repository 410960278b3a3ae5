/** The collector, and what it has not collected. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { turn } from '../gate';

setFlagsFromString('--expose-gc');
export const collectGarbage = runInNewContext('gc') as () => void;

const watched: WeakRef<object>[] = [];

/** From here on somebody looks whether this is given up. */
export function watchForgetting(thing: object): void {
  watched.push(new WeakRef(thing));
}

/** How many things are still there of all that were watched; they are watched no more. */
export async function countUnforgotten(): Promise<number> {
  const alive = () => watched.filter((reference) => reference.deref() !== undefined).length;
  // A reference that was looked at holds until the turn is over, and finalizers run after a collection.
  for (let collections = 0; collections < 10; collections += 1) {
    await turn();
    collectGarbage();
    await turn();
    if (alive() === 0) break;
  }
  const count = alive();
  watched.length = 0;
  return count;
}
