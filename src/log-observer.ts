/** Gives a callback what a log records, batch by batch. Its slowness and its failures stay here. */

import type { TailItem } from '../native/types';

/** Is given what was recorded, in order. The next batch comes when its promise settles. */
export type ObserveCallback = (batch: TailItem[]) => unknown;

export class LogObserver {
  readonly #pages: AsyncGenerator<TailItem[], void, undefined>;
  #isStopped = false;

  constructor(pages: AsyncGenerator<TailItem[], void, undefined>, callback: ObserveCallback) {
    this.#pages = pages;
    void this.#run(callback);
  }

  async #run(callback: ObserveCallback): Promise<void> {
    try {
      for await (const page of this.#pages) {
        if (this.#isStopped) return;
        await this.#tell(callback, page);
      }
    } catch (error) {
      // A log that is closed has nothing more to tell.
      if (!this.#isStopped) warn(error);
    }
  }

  async #tell(callback: ObserveCallback, page: TailItem[]): Promise<void> {
    try {
      await callback(page);
    } catch (error) {
      warn(error);
    }
  }

  stop(): void {
    this.#isStopped = true;
  }
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}
