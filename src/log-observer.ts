/** Gives a callback what a log records, batch by batch. Its slowness and its failures stay here. */

import type { TailItem } from '../native/types';
import type { LogPages } from './log-pages';
import { warn } from './warning';

/** Is given what was recorded, in order. The next batch comes when its promise settles. */
export type ObserveCallback = (batch: TailItem[]) => unknown;

export class LogObserver {
  readonly #pages: LogPages;
  readonly #ended: Promise<void>;

  constructor(pages: LogPages, callback: ObserveCallback) {
    this.#pages = pages;
    this.#ended = this.#run(callback);
  }

  async #run(callback: ObserveCallback): Promise<void> {
    try {
      for (let page = await this.#pages.next(); page !== undefined; page = await this.#pages.next()) {
        await this.#tell(callback, page);
      }
    } catch (error) {
      warn(error);
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
    this.#pages.stop();
  }

  /** Resolves when the callback has been told of everything that is recorded by now. */
  async finish(): Promise<void> {
    this.#pages.finish();
    await this.#ended;
  }
}
