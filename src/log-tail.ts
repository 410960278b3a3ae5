/** The loop over what a log records, item by item. Left while it waits, it waits no longer. */

import type { TailItem } from '../native/types';
import type { LogPages } from './log-pages';

export class LogTail implements AsyncGenerator<TailItem, void, undefined> {
  readonly #pages: LogPages;
  readonly #items: AsyncGenerator<TailItem, void, undefined>;

  constructor(pages: LogPages) {
    this.#pages = pages;
    this.#items = itemsOf(pages);
  }

  next(): Promise<IteratorResult<TailItem, void>> {
    return this.#items.next();
  }

  return(): Promise<IteratorResult<TailItem, void>> {
    // A generator alone would take this up only when the pull before is answered, which nobody may ever do.
    this.#pages.stop();
    return this.#items.return();
  }

  throw(error: unknown): Promise<IteratorResult<TailItem, void>> {
    this.#pages.stop();
    return this.#items.throw(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}

async function* itemsOf(pages: LogPages): AsyncGenerator<TailItem, void, undefined> {
  for (let page = await pages.next(); page !== undefined; page = await pages.next()) yield* page;
}
