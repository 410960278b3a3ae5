// Streams that nobody holds any more. Only the garbage collector ends them, so they are looked for in the log.
import { begin } from './one-call.mjs';

const waiting_max = 50;

export class ForgottenStreams {
  #engine;
  #waiting = new Set();
  ended = 0;

  constructor(engine) {
    this.#engine = engine;
  }

  get waiting() {
    return this.#waiting.size;
  }

  /** Begins a stream and loses it, unless too many still wait for the collector. */
  async add(place) {
    if (this.#waiting.size >= waiting_max) return;
    const stream = begin({ ...place, engine: this.#engine }, { count: 1, end: 'hang' });
    await stream.next();
    this.#waiting.add(stream.traceId);
  }

  /** Strikes off those whose calls have ended. The log keeps open calls, so one that it has lost has ended too. */
  async look() {
    for (const traceId of this.#waiting) {
      const record = await this.#engine.eventLog.call(traceId);
      if (record?.status === 'open') continue;
      this.#waiting.delete(traceId);
      this.ended += 1;
    }
  }
}
