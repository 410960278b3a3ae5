/** A real worker thread that loads the package for itself; see `workers/actor.mjs` for what it can be told. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class Thread {
  readonly #worker = new Worker(new URL('./workers/actor.mjs', import.meta.url));
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<unknown>;
  #nextId = 1;

  constructor() {
    this.#exited = once(this.#worker, 'exit');
    this.#worker.on('message', ({ id, value, error }) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(`in the thread: ${error.message}`));
    });
  }

  /** Tells the thread to do something and waits for its answer. */
  // biome-ignore lint/suspicious/noExplicitAny: what comes back is plain data that each test looks at for itself
  ask(command: string, argument?: unknown): Promise<any> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, command, argument });
    });
  }

  /** Has the thread exit by itself. */
  async exit(): Promise<void> {
    this.ask('exit').catch(() => {});
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  terminate(): Promise<number> {
    return this.#worker.terminate();
  }
}
