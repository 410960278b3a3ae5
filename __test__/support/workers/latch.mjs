/** How threads that need not turn their event loops wait for each other: two cells of shared memory. See `../latch.ts`. */
const [REACHED, RELEASED] = [0, 1];

export function newCells() {
  return new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
}

/** Says that this thread has got here. */
export function reach(cells) {
  Atomics.store(cells, REACHED, 1);
  Atomics.notify(cells, REACHED);
}

/** Says that this thread has got here, and does not turn its loop until it is released. */
export function hold(cells) {
  reach(cells);
  Atomics.wait(cells, RELEASED, 0);
}

/** Resolves when the other thread has got there. */
export async function reached(cells) {
  await Atomics.waitAsync(cells, REACHED, 0).value;
}

/** Blocks this thread too, until the other has got there. */
export function blockUntilReached(cells) {
  Atomics.wait(cells, REACHED, 0);
}

/** Lets the other thread go on. */
export function release(cells) {
  Atomics.store(cells, RELEASED, 1);
  Atomics.notify(cells, RELEASED);
}
