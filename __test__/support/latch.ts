/** A place where a thread stops until a test lets it go on, whether or not either of them turns its event loop. */
import { blockUntilReached, newCells, reached, release } from './workers/latch.mjs';

export class Latch {
  /** To be handed to the thread, which passes it to `reach` or `hold` of `workers/latch.mjs`. */
  readonly cells: Int32Array = newCells();

  reached(): Promise<void> {
    return reached(this.cells);
  }

  blockUntilReached(): void {
    blockUntilReached(this.cells);
  }

  release(): void {
    release(this.cells);
  }
}
