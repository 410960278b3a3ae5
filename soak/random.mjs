// Chance that can be repeated: one stream of numbers from a seed (mulberry32).

export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to, not including, 1. */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer from `min` to `max`, both included. */
  integer(min, max) {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  of(items) {
    return items[this.integer(0, items.length - 1)];
  }

  /** Another stream of numbers, so that what runs beside does not disturb the order of this one. */
  branch() {
    return new Random(this.integer(0, 2 ** 32 - 1));
  }
}
