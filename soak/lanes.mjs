// Things that happen over and over beside each other until they are told to stop.
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

export class Lanes {
  #stopping = new AbortController();
  #running = new Map();

  constructor() {
    setMaxListeners(0, this.#stopping.signal);
  }

  /** Runs `body` again and again; the pauses in it end early when the lanes stop. */
  add(name, body) {
    const lane = Symbol(name);
    const run = async () => {
      while (!this.isStopping) await body();
    };
    this.#running.set(
      lane,
      run().finally(() => this.#running.delete(lane)),
    );
  }

  get isStopping() {
    return this.#stopping.signal.aborted;
  }

  /** Waits, but not beyond the stop. */
  pause = (ms) => sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => {});

  stop() {
    this.#stopping.abort();
  }

  /** Resolves when all lanes have come to their end. */
  async ended() {
    await Promise.all(this.#running.values());
  }

  /** The names of the lanes that have not come to their end. */
  get running() {
    return [...new Set([...this.#running.keys()].map(({ description }) => description))];
  }
}
