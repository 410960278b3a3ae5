/** A promise that a test opens by hand: how tests wait for each other without clocks. */
export interface Gate<T = void> {
  readonly promise: Promise<T>;
  readonly open: (value: T) => void;
}

export function gate<T = void>(): Gate<T> {
  let open: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

/** Lets everything that is ready run: all microtasks, and one turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Resolves once the condition holds; turns the event loop, and leaves it to the test's timeout to give up. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}
