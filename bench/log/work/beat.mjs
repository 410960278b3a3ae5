// Time for many streams that tick: each waits for its own moment of a period, and the moments are spread over it, as those of
// unrelated streams are. One timer serves all, so that what is measured is not the cost of timers.
const step_ms = 2;

export class Beat {
  #slots;
  #timer;

  /** @param period_ms how often each stream ticks. */
  constructor(period_ms) {
    this.#slots = Array.from({ length: Math.max(1, Math.round(period_ms / step_ms)) }, () => []);
    const startedAt = performance.now();
    let beaten = 0;
    this.#timer = setInterval(() => {
      // Late timers are caught up with: the streams keep their pace.
      const due = Math.floor((performance.now() - startedAt) / step_ms);
      for (const end = Math.min(due, beaten + this.#slots.length); beaten < end; beaten += 1) this.#beat(beaten);
      beaten = due;
    }, step_ms);
  }

  #beat(number) {
    const slot = number % this.#slots.length;
    const waiting = this.#slots[slot];
    this.#slots[slot] = [];
    for (const wake of waiting) wake();
  }

  /** Resolves at the next moment of the stream of this number. */
  next(stream) {
    return new Promise((resolve) => {
      this.#slots[stream % this.#slots.length].push(resolve);
    });
  }

  stop() {
    clearInterval(this.#timer);
  }
}
