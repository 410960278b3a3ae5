/** The text of a stream alone. A generator around it, whose promises need not be looked at. */

import type { StreamEvent } from '../native/types';
import { quiet } from './outlet';

type TextResult = IteratorResult<string, void>;

export class TextStream implements AsyncGenerator<string, void, undefined> {
  readonly #texts: AsyncGenerator<string, void, undefined>;

  constructor(events: AsyncIterable<StreamEvent>) {
    this.#texts = textsOf(events);
  }

  next(): Promise<TextResult> {
    return quiet(this.#texts.next());
  }

  return(value?: void | PromiseLike<void>): Promise<TextResult> {
    return quiet(this.#texts.return(value));
  }

  throw(error: unknown): Promise<TextResult> {
    return quiet(this.#texts.throw(error));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}

async function* textsOf(events: AsyncIterable<StreamEvent>): AsyncGenerator<string, void, undefined> {
  let streamed = false;
  for await (const event of events) {
    if (event.type === 'text-delta') {
      streamed = true;
      yield event.text;
    } else if (event.type === 'done' && !streamed && event.text !== '') {
      // A runner that only returned its text never streamed it.
      yield event.text;
    }
  }
}
