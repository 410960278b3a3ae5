/** The text of a stream alone. A generator around it, whose promises need not be looked at. */

import type { StreamEvent } from '../native/types';
import { quiet } from './outlet';

type TextResult = IteratorResult<string, void>;

export class TextStream implements AsyncGenerator<string, void, undefined> {
  readonly #texts: AsyncGenerator<string, void, undefined>;
  /** The pulls that have not been answered, first come first. */
  readonly #pulls: Array<Promise<TextResult>> = [];
  #isLeft = false;

  constructor(events: AsyncIterable<StreamEvent>) {
    this.#texts = textsOf(events, this.#pulls);
  }

  next(): Promise<TextResult> {
    const pull = this.#texts.next();
    // Only one that fails is told to be quiet, and only then: V8 follows no promise to which two have been chained.
    if (!this.#isLeft) this.#pulls.push(pull);
    return pull;
  }

  return(value?: void | PromiseLike<void>): Promise<TextResult> {
    this.#isLeft = true;
    return quiet(this.#texts.return(value));
  }

  throw(error: unknown): Promise<TextResult> {
    this.#isLeft = true;
    return quiet(this.#texts.throw(error));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}

async function* textsOf(
  events: AsyncIterable<StreamEvent>,
  pulls: Array<Promise<TextResult>>,
): AsyncGenerator<string, void, undefined> {
  let streamed = false;
  try {
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
  }
}
