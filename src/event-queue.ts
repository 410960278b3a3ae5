/** Events that passed the gate and wait for the consumer: first in, first out, with the bytes they hold. Sets no bound. */

import type { StreamEvent } from '../native/types';

export class EventQueue {
  // A ring whose length is a power of two; it exists only once something had to wait.
  #events: Array<StreamEvent | undefined> = [];
  #sizes: number[] = [];
  #head = 0;
  length = 0;
  bytes = 0;

  push(event: StreamEvent, bytes: number): void {
    if (this.length === this.#events.length) this.#grow();
    const at = (this.#head + this.length) & (this.#events.length - 1);
    this.#events[at] = event;
    this.#sizes[at] = bytes;
    this.length += 1;
    this.bytes += bytes;
  }

  shift(): StreamEvent | undefined {
    if (this.length === 0) return undefined;
    const event = this.#events[this.#head];
    this.#events[this.#head] = undefined;
    this.bytes -= this.#sizes[this.#head] ?? 0;
    this.#head = (this.#head + 1) & (this.#events.length - 1);
    this.length -= 1;
    return event;
  }

  clear(): void {
    this.#events = [];
    this.#sizes = [];
    this.#head = 0;
    this.length = 0;
    this.bytes = 0;
  }

  #grow(): void {
    const events: Array<StreamEvent | undefined> = [];
    const sizes: number[] = [];
    const size = Math.max(8, this.#events.length * 2);
    for (let i = 0; i < size; i += 1) {
      const from = (this.#head + i) & (this.#events.length - 1);
      events.push(i < this.length ? this.#events[from] : undefined);
      sizes.push(i < this.length ? (this.#sizes[from] ?? 0) : 0);
    }
    this.#events = events;
    this.#sizes = sizes;
    this.#head = 0;
  }
}
