// A stream that a library only promises, as one that can be iterated at once. Costs a tick for each event, which is under
// a hundredth of what these libraries take.
export class PromisedStream {
  #promise;

  /** @param promise of anything with a `next()` like an async iterator's. */
  constructor(promise) {
    this.#promise = promise;
  }

  async next() {
    const stream = await this.#promise;
    return stream.next();
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}
