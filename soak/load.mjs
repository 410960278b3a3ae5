// The load: what runs beside what, and how much of it.
import { setInferenceRunner } from 'car-inference';
import { ForgottenStreams } from './forgotten.mjs';
import { engineFor } from './kinds/engines.mjs';
import { brief, huge, idle, ownEngine, play, slow } from './kinds/index.mjs';
import { Lanes } from './lanes.mjs';
import { Random } from './random.mjs';
import { runner, runs } from './runner.mjs';
import { Tally } from './tally.mjs';
import { consumerThreads, runnerThread } from './threads.mjs';

/** How many lanes of each. */
const sizes = {
  full: { brief: 4, slow: 20, idle: 100, runnerThreads: 2 },
  small: { brief: 1, slow: 2, idle: 5, runnerThreads: 1 },
};

export class Load {
  tally = new Tally();
  lanes = new Lanes();
  forgotten;
  #engines;
  #registration = setInferenceRunner(runner, { hint: 'here' });
  #random;

  constructor(seed, size) {
    const many = sizes[size];
    this.#random = new Random(seed);
    const threads = Array.from({ length: many.runnerThreads }, (_, index) => `thread-${index}`);
    const mixed = engineFor(['here', 'nowhere', ...threads]);
    // A log for themselves: its bound of bytes holds for them, its bound of calls for the others.
    const large = engineFor(['here']);
    this.#engines = [mixed, large];
    this.forgotten = new ForgottenStreams(mixed);
    for (let lane = 0; lane < many.brief; lane += 1) this.#calls('brief calls', mixed, brief, 1);
    for (let lane = 0; lane < many.slow; lane += 1) this.#calls('slow calls', mixed, [slow], 1);
    for (let lane = 0; lane < many.idle; lane += 1) this.#calls('idle calls', mixed, [idle], 1);
    this.#calls('huge calls', large, [huge], 300);
    this.#calls('engines', mixed, ownEngine, 20);
    this.#lane('forgotten streams', mixed, async (place) => {
      await this.forgotten.add(place);
      await place.pause(50);
    });
    for (const hint of threads) {
      this.#lane('runners in threads', mixed, (place) => runnerThread({ ...place, model: hint }, this.tally));
    }
    this.#lane('consumers in threads', mixed, (place) => consumerThreads(place, this.tally));
  }

  /** Calls of an engine that are open, as its log has it. */
  async openCalls() {
    let open = 0;
    for (const engine of this.#engines) {
      for await (const _call of engine.eventLog.calls({ status: 'open', limit: 100_000 })) open += 1;
    }
    return open;
  }

  /** Runs of this thread's runner that its calls have not let go of. */
  get unfinishedRuns() {
    return runs.begun - runs.finished;
  }

  stop() {
    this.lanes.stop();
  }

  /** Resolves when everything that has begun has ended, but for what only the garbage collector ends. */
  ended() {
    return this.lanes.ended();
  }

  /** Lets go of everything: what is left in the process then is a leak. */
  dispose() {
    this.#registration.dispose();
    this.#engines = [];
    this.forgotten = undefined;
  }

  #lane(name, engine, body) {
    const place = { engine, model: 'here', random: this.#random.branch(), pause: this.lanes.pause };
    this.lanes.add(name, () => body(place));
  }

  #calls(name, engine, kinds, pauseMs) {
    this.#lane(name, engine, async (place) => {
      await play(place.random.of(kinds), place, this.tally, 'one thread');
      await place.pause(pauseMs);
    });
  }
}
