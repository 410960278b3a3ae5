/** A log's number and what is asked of it; what the log's face, its tails, observers and checkpoints share. */

import { ask, type Presence } from './asks';
import { withoutHalves } from './json';
import { native } from './native';

const forgotten = new FinalizationRegistry<number>((id) => native.releaseLog(id));

export class LogHandle {
  readonly id: number;
  isClosing = false;

  constructor(id: number) {
    this.id = id;
    // Not the log's face: a tail goes on when nobody holds that any more.
    forgotten.register(this, id);
  }

  get durableSeq(): number {
    return native.durableSeq(this.id);
  }

  /** @throws the typed error of what failed. */
  ask<T>(question: object, presence?: Presence, bytes?: Uint8Array): Promise<T> {
    return ask<T>(native.askLog(this.id, withoutHalves(JSON.stringify(question)), bytes), presence);
  }
}
