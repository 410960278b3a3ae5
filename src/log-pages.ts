/** What a log records, page by page, waiting where there is no more yet. Can be stopped while it waits. */

import type { TailItem } from '../native/types';
import type { Presence } from './asks';
import type { LogHandle } from './log-handle';

const PAGE_ITEMS = 256;

let lastWaiter = 0;

export class LogPages {
  readonly #log: LogHandle;
  readonly #presence: Presence;
  /** Null when only asking tells. */
  #cursor: string | undefined | null;
  #waiter: number | undefined;
  #isStopped = false;
  /** No more is waited for: what is there already is the last. */
  #isFinishing = false;

  constructor(log: LogHandle, begin: string | undefined | null, presence: Presence) {
    this.#log = log;
    this.#cursor = begin;
    this.#presence = presence;
  }

  /** Undefined when no more will come: it was stopped, or the log is closed. */
  async next(): Promise<TailItem[] | undefined> {
    try {
      while (!this.#isOver) {
        // An empty page that was asked for before finishing may lack what was recorded since.
        const isLast = this.#isFinishing;
        const items = await this.#page();
        if (items.length > 0) return this.#isOver ? undefined : items;
        if (isLast) return undefined;
      }
    } catch (error) {
      // A log that is closed under a question has nothing more to tell.
      if (!this.#isOver) throw error;
    }
    return undefined;
  }

  /** Waits no longer. */
  stop(): void {
    this.#isStopped = true;
    this.#wake();
  }

  /** Ends with what is recorded by now. */
  finish(): void {
    this.#isFinishing = true;
    this.#wake();
  }

  #wake(): void {
    if (this.#waiter === undefined) return;
    const question = { type: 'stop-waiting', waiter: this.#waiter };
    this.#log.ask(question, 'lets-process-leave').catch(() => undefined);
  }

  get #isOver(): boolean {
    return this.#isStopped || this.#log.isClosing;
  }

  async #page(): Promise<TailItem[]> {
    if (this.#cursor === null) this.#cursor = await this.#ask<string>({ type: 'end-cursor' });
    const question = { type: 'tail', cursor: this.#cursor, limit: PAGE_ITEMS };
    const { items, cursor } = await this.#ask<{ items: TailItem[]; cursor: string }>(question);
    this.#cursor = cursor;
    if (items.length === 0 && !this.#isOver && !this.#isFinishing) await this.#changed(cursor);
    return items;
  }

  async #changed(cursor: string): Promise<void> {
    lastWaiter = (lastWaiter + 1) % 2 ** 32;
    const waiter = lastWaiter;
    this.#waiter = waiter;
    try {
      await this.#ask({ type: 'changed', cursor, waiter });
    } finally {
      this.#waiter = undefined;
    }
  }

  #ask<T>(question: object): Promise<T> {
    return this.#log.ask<T>(question, this.#presence);
  }
}
