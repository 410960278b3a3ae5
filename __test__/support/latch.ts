/** How a test and a thread that does not turn its event loop wait for each other: two cells of shared memory. */
const [REACHED, RELEASED] = [0, 1];

export class Latch {
  /** To be handed to the thread, which passes it to `hold` of `workers/latch.mjs`. */
  readonly cells = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));

  /** Resolves when the thread has got there. */
  async reached(): Promise<void> {
    const { value } = Atomics.waitAsync(this.cells, REACHED, 0);
    await value;
  }

  /** Blocks this thread too, until the other has got there. */
  blockUntilReached(): void {
    Atomics.wait(this.cells, REACHED, 0);
  }

  /** Lets the thread go on. */
  release(): void {
    Atomics.store(this.cells, RELEASED, 1);
    Atomics.notify(this.cells, RELEASED);
  }
}
