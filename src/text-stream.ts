/** The text of a stream alone. A generator around it, whose promises need not be looked at. */

import type { StreamEvent } from '../native/types';
import { quiet } from './outlet';

type TextResult = IteratorResult<string, void>;
type Events = Pick<AsyncGenerator<StreamEvent, void, undefined>, 'return' | typeof Symbol.asyncIterator>;

interface Source {
  readonly events: Events;
  /** The events are read here, and by nobody else. */
  isRead: boolean;
}

export class TextStream implements AsyncGenerator<string, void, undefined> {
  readonly #texts: AsyncGenerator<string, void, undefined>;
  /** The pulls that have not been answered, first come first. */
  readonly #pulls: Array<Promise<TextResult>> = [];
  readonly #source: Source;
  #isLeft = false;

  constructor(events: Events) {
    this.#source = { events, isRead: false };
    this.#texts = textsOf(this.#source, this.#pulls);
  }

  next(): Promise<TextResult> {
    const pull = this.#texts.next();
    // Only one that fails is told to be quiet, and only then: V8 follows no promise to which two have been chained.
    if (!this.#isLeft) this.#pulls.push(pull);
    return pull;
  }

  return(value?: void | PromiseLike<void>): Promise<TextResult> {
    this.#leave();
    return quiet(this.#texts.return(value));
  }

  throw(error: unknown): Promise<TextResult> {
    this.#leave();
    return quiet(this.#texts.throw(error));
  }

  /** A generator is left only at a `yield`: one that waits for an event has to be given the end. */
  #leave(): void {
    this.#isLeft = true;
    if (this.#source.isRead) quiet(this.#source.events.return());
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}

async function* textsOf(source: Source, pulls: Array<Promise<TextResult>>): AsyncGenerator<string, void, undefined> {
  let streamed = false;
  try {
    const events = source.events[Symbol.asyncIterator]();
    // Not before: who is refused as a second reader has nothing to leave.
    source.isRead = true;
    for await (const event of events) {
      if (event.type === 'text-delta') {
        streamed = true;
        pulls.shift();
        yield event.text;
      } else if (event.type === 'done' && !streamed && event.text !== '') {
        // A runner that only returned its text never streamed it.
        pulls.shift();
        yield event.text;
      }
    }
  } catch (error) {
    const [failing] = pulls;
    if (failing !== undefined) quiet(failing);
    throw error;
  } finally {
    pulls.length = 0;
    source.isRead = false;
  }
}
