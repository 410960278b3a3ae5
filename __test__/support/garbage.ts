/** Real garbage collection: whether something is still reachable, without waiting for any length of time. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { turn } from './gate';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** As many collections as nothing survives that is garbage: each frees what the one before let go. */
const ROUNDS_MAX = 100;

/** Collects garbage until the condition holds. Gives up with what `still` says. */
export async function collectUntil(
  holds: () => boolean,
  still: () => unknown = () => 'nothing changes',
): Promise<void> {
  for (let round = 0; !holds(); round += 1) {
    if (round === ROUNDS_MAX) throw new Error(`after ${round} collections: ${JSON.stringify(still())}`);
    // First, because what a WeakRef gave stays until the end of the job that asked.
    await turn();
    collect();
  }
  await turn(); // What is collected is announced later.
}

/** Collects what is garbage now, and what that makes garbage: for what must survive it. */
export async function collectAll(): Promise<void> {
  for (let round = 0; round < 10; round += 1) {
    await turn();
    collect();
  }
}

/** Objects of which a test only wants to know whether they are still there. */
export class Traces {
  readonly #traces = new Map<string, WeakRef<object>>();

  follow<T extends object>(name: string, object: T): T {
    this.#traces.set(name, new WeakRef(object));
    return object;
  }

  /** Those that are still there. */
  get left(): string[] {
    return [...this.#traces].filter(([, trace]) => trace.deref() !== undefined).map(([name]) => name);
  }
}
