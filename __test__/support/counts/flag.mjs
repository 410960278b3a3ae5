// A flag between threads, for those that are to stand still until it is raised. Raising it lets one waiter pass.
export class Flag {
  #cell;

  constructor(buffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.#cell = new Int32Array(buffer);
  }

  get buffer() {
    return this.#cell.buffer;
  }

  raise() {
    Atomics.store(this.#cell, 0, 1);
    Atomics.notify(this.#cell, 0);
  }

  wait() {
    Atomics.wait(this.#cell, 0, 0);
    Atomics.store(this.#cell, 0, 0);
  }
}
