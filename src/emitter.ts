/** What a runner gets beside the request: the sink of one run, its abort signal and the facts of its call. */

import type { ModelSchema, StreamEvent } from '../native/types';

/** What a runner may emit: any event of the vocabulary; a reasoning delta's `index` is 0 when left out. */
export type RunnerEvent =
  | Exclude<StreamEvent, { type: 'reasoning-delta' }>
  | (Omit<Extract<StreamEvent, { type: 'reasoning-delta' }>, 'index'> & { index?: number | undefined });

/**
 * What became of an emitted event: `delivered` (accepted), `refused` (against the order of events, or not an event) or
 * `closed` (the call takes no more events; stop working).
 */
export type EmitOutcome = 'delivered' | 'refused' | 'closed';

/** The sink of one run. All members may be destructured: `async function* run(request, { signal })`. */
export interface EventEmitter {
  /**
   * Hands one event to the engine. Answers at once, or with a promise while the consumer's buffer is full: await it, and
   * the runner is as slow as its consumer. Never throws and never rejects. Whatever is not an event ends the call with
   * a `ProtocolError` that names the field.
   *
   * @example
   * const outcome = await emitter.emit({ type: 'text-delta', text: 'hel' });
   * if (outcome === 'closed') return;
   */
  readonly emit: (event: RunnerEvent) => EmitOutcome | Promise<EmitOutcome>;
  /** Aborted when the consumer leaves, its signal aborts, a timeout strikes or the engine closes. Pass it to `fetch`. */
  readonly signal: AbortSignal;
  /** Whether the call takes no more events. */
  readonly isClosed: boolean;
  /** Resolves with the reason once the run is cancelled; stays pending otherwise. */
  readonly cancelled: () => Promise<unknown>;
  /** The call's trace id, under which the log knows it. */
  readonly traceId: string;
  /**
   * The model of this attempt. An unregistered model has only an `id`, which is empty when the request does not name a model.
   */
  readonly model: ModelSchema;
  /** The model's hint, when it has one. */
  readonly hint: string | undefined;
  /** Which attempt of the call this is, from 1. */
  readonly attempt: number;
  /** When the call's total timeout strikes, in milliseconds since the epoch; undefined when it has none. */
  readonly deadline: number | undefined;
  /** The consumer's own reference from the request. */
  readonly clientRef: string | undefined;
}

/** The facts of one attempt, as the addon tells them. */
export interface AttemptFacts {
  traceId: string;
  model: ModelSchema;
  hint?: string | null;
  attempt: number;
  deadline?: number | null;
  clientRef?: string | null;
}

/** What an emitter needs of its run. */
export interface EmitterRun {
  /** No event is taken any more: settled, stopped, or `done` was emitted. */
  readonly isClosed: boolean;
  readonly aborted: boolean;
  readonly abortReason: unknown;
  emit(event: unknown): EmitOutcome | Promise<EmitOutcome>;
  facts(): AttemptFacts;
}

/**
 * Everything is made on demand: a generator runner that uses none of it pays for one small object. Getters survive
 * destructuring because it reads them from the emitter itself.
 */
export class RunEmitter implements EventEmitter {
  readonly #run: EmitterRun;
  #controller: AbortController | undefined;
  #emit: EventEmitter['emit'] | undefined;

  constructor(run: EmitterRun) {
    this.#run = run;
  }

  get emit(): EventEmitter['emit'] {
    if (this.#emit === undefined) {
      const run = this.#run;
      this.#emit = (event) => run.emit(event);
    }
    return this.#emit;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#run.aborted) this.#controller.abort(this.#run.abortReason);
    }
    return this.#controller.signal;
  }

  get isClosed(): boolean {
    return this.#run.isClosed;
  }

  get cancelled(): () => Promise<unknown> {
    return () => {
      const { signal } = this;
      if (signal.aborted) return Promise.resolve(signal.reason);
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve(signal.reason), { once: true });
      });
    };
  }

  get traceId(): string {
    return this.#run.facts().traceId;
  }

  get model(): ModelSchema {
    return this.#run.facts().model;
  }

  get hint(): string | undefined {
    return this.#run.facts().hint ?? undefined;
  }

  get attempt(): number {
    return this.#run.facts().attempt;
  }

  get deadline(): number | undefined {
    return this.#run.facts().deadline ?? undefined;
  }

  get clientRef(): string | undefined {
    return this.#run.facts().clientRef ?? undefined;
  }

  /** Aborts the signal, if anyone has asked for it. @internal */
  abort(reason: unknown): void {
    this.#controller?.abort(reason);
  }
}
