// Answers that come at a provider's pace, one after the other on each of many streams, of lengths that spread their endings.
export class PacedStream {
  /** When the runner gave its last event, by the clock of `performance`. */
  lastEventAt = 0;
  #beat;
  #number;
  #calls = 0;
  #deltas;

  constructor(beat, number, deltas) {
    this.#beat = beat;
    this.#number = number;
    this.#deltas = deltas;
  }

  /** From half to one and a half times as many as usual. */
  #length() {
    this.#calls += 1;
    const share = ((this.#number * 7919 + this.#calls * 104_729) % 1000) / 1000;
    return Math.max(1, Math.round(this.#deltas * (0.5 + share)));
  }

  async *pull(done) {
    const deltas = this.#length();
    for (let index = 0; index < deltas; index += 1) {
      await this.#beat.next(this.#number);
      yield { type: 'text-delta', text: 'w000' };
    }
    await this.#beat.next(this.#number);
    this.lastEventAt = performance.now();
    yield { type: 'usage', inputTokens: 12, outputTokens: deltas };
    if (done) yield done;
  }
}
