/** The thread's side of `../latch.ts`. */
const [REACHED, RELEASED] = [0, 1];

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
