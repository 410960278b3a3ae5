/** What happened while a program ran, written down in the order in which it happened, each entry before its effects. */
import type { EmitOutcome, EventEmitter, EventLog, StreamEvent } from 'car-inference';
import type { Offer, RunnerStep } from './program';
import { currentTurn } from './turns';

/**
 * How far the call was just then. Only the engine knows when it has heard of a runner's end, so it is asked: whether the
 * emitter is closed, and whether the log has the ending.
 */
export type Standing = 'open' | 'closed' | 'over';

export interface Standpoint {
  /** Undefined before the first run. */
  standing: Standing | undefined;
}

export interface Offered extends Standpoint {
  readonly do: 'offer';
  readonly attempt: number;
  readonly offer: Offer;
  /** What `emit` said at once: a word, or a promise of one. */
  answer?: EmitOutcome | 'a promise' | 'neither';
  /** What a promised answer came to. */
  later?: EmitOutcome;
}

export type Answer = { readonly event: StreamEvent } | { readonly over: true } | { readonly error: unknown };

export interface Pulled extends Standpoint {
  readonly do: 'pull';
  answer?: Answer;
  /** In which turn of the event loop it was answered. */
  answeredTurn?: number;
}

export interface Finished {
  readonly do: 'finish';
  readonly attempt: number;
  readonly how: Extract<RunnerStep, { do: 'return' | 'throw' }>;
  /** The very object. */
  readonly thrown?: unknown;
}

export type Stopper = 'cancel' | 'leave' | 'abort' | 'engine';

export interface Stopping extends Standpoint {
  readonly do: 'stop';
  readonly by: Stopper;
}

export type Entry =
  // The world.
  | { readonly do: 'slot'; readonly holds: boolean }
  | { readonly do: 'engine closes'; readonly mode: 'drain' | 'cancel' }
  // The consumer.
  | Pulled
  /** It asked for the result: from here on the call is the engine's to drain, although it may begin a little later. */
  | { readonly do: 'accept' }
  | ({ readonly do: 'demand' } & Standpoint)
  | ({ readonly do: 'detach' } & Standpoint)
  /** It read the trace id or the model: a call gets them when it is opened. */
  | { readonly do: 'facts' }
  | { readonly do: 'claim' }
  | Stopping
  /** The promise of a stop was kept. */
  | ({ readonly do: 'stopped'; readonly stop: Stopping } & Standpoint)
  | { readonly do: 'drop' }
  // The runner.
  | { readonly do: 'begin'; readonly attempt: number; readonly listens: boolean }
  /** A runner that is pulled was asked for more. */
  | { readonly do: 'asked'; readonly attempt: number }
  | Offered
  /** The promise of an answer was kept. */
  | ({ readonly do: 'room'; readonly offered: Offered } & Standpoint)
  /** Yielded: on its way to the gate. */
  | { readonly do: 'yield'; readonly attempt: number; readonly offer: Offer }
  /** The gate looks at what was yielded. */
  | { readonly do: 'reach'; readonly attempt: number; readonly offer: Offer }
  | Finished
  /** It is in its `finally`. */
  | { readonly do: 'leave'; readonly attempt: number }
  /** Its signal was aborted. */
  | { readonly do: 'told'; readonly attempt: number; readonly reason: unknown }
  | { readonly do: 'flaw'; readonly says: string };

/** The trace of one program. */
export class Trace {
  readonly entries: Entry[] = [];
  /** In which turn of the event loop each entry was made. */
  readonly turns: number[] = [];
  readonly #log: EventLog;
  #emitter: EventEmitter | undefined;
  readonly #asked: Promise<void>[] = [];

  constructor(log: EventLog) {
    this.#log = log;
  }

  /** Another run: it is asked from now on. */
  begin(emitter: EventEmitter): void {
    this.#emitter = emitter;
  }

  add<E extends Entry>(entry: E): E {
    this.entries.push(entry);
    this.turns.push(currentTurn());
    return entry;
  }

  /** The same, with how far the call is now: asked at once, and known once the log has answered. */
  addStanding<E extends Entry & Standpoint>(entry: Omit<E, 'standing'>): E {
    const full = { ...entry, standing: undefined } as Standpoint as E;
    this.add(full);
    const emitter = this.#emitter;
    if (emitter !== undefined && !emitter.isClosed) {
      full.standing = 'open';
    } else if (emitter !== undefined) {
      // The log is read when it is called, although it answers later.
      const asked = this.#log.call(emitter.traceId).then((record) => {
        full.standing = record?.status === 'open' ? 'closed' : 'over';
      });
      this.#asked.push(asked);
    }
    return full;
  }

  flaw(says: string): void {
    this.add({ do: 'flaw', says });
  }

  /** Resolves when all that was asked has been answered. */
  async settled(): Promise<void> {
    await Promise.all(this.#asked);
  }
}
