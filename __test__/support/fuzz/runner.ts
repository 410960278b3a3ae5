/** Plays a program's runner side and writes down what it offered and what it was answered. */
import type { EmitOutcome, EventEmitter, RunnerEvent } from 'car-inference';
import { RunnerDeclinedError } from 'car-inference';
import { type Offer, type Pause, type RunnerProgram, type RunnerStep, type Thrown, tellsWhenRead } from './program';
import type { Entry, Finished, Offered, Trace } from './trace';

type LastStep = Extract<RunnerStep, { do: 'return' | 'throw' | 'hang' }>;
type Finish = Finished['how'];

export function rest(pause: Pause): Promise<void> | undefined {
  if (pause === 'a microtask') return Promise.resolve();
  return pause === 'a turn' ? new Promise((resolve) => setImmediate(resolve)) : undefined;
}

/** What `run` returns for one attempt. */
export function playRunner(program: RunnerProgram, emitter: EventEmitter, trace: Trace, mustListen: boolean): unknown {
  const player = new RunnerPlayer(program, emitter, trace);
  player.begin(mustListen);
  if (program.way === 'emitter') return player.push();
  return program.way === 'generator' ? player.generate() : player.iterate();
}

const NOTHING: Finish = { do: 'return', result: undefined, isResult: true };

class RunnerPlayer {
  readonly #program: RunnerProgram;
  readonly #emitter: EventEmitter;
  readonly #trace: Trace;
  readonly #attempt: number;
  readonly #steps: readonly RunnerStep[];

  constructor(program: RunnerProgram, emitter: EventEmitter, trace: Trace) {
    this.#program = program;
    this.#emitter = emitter;
    this.#trace = trace;
    this.#attempt = emitter.attempt;
    this.#steps = program.attempts[Math.min(this.#attempt, program.attempts.length) - 1] ?? [];
  }

  begin(mustListen: boolean): void {
    const attempt = this.#attempt;
    const { listens } = this.#program;
    this.#trace.begin(this.#emitter);
    this.#trace.add({ do: 'begin', attempt, listens: listens || mustListen });
    if (!listens && !mustListen) return;
    const { signal } = this.#emitter;
    signal.addEventListener('abort', () => this.#trace.add({ do: 'told', attempt, reason: signal.reason }));
  }

  async push(): Promise<unknown> {
    try {
      for (const step of this.#steps) {
        if (step.do === 'send') {
          await this.#emit(step.offer);
          await rest(step.pause);
        } else if (step.do === 'emit') {
          const answer = this.#emit(step.offer);
          const pause = step.pause === 'its answer' ? answer : rest(step.pause);
          if (pause !== undefined) await pause;
        } else {
          return await this.#end(step);
        }
      }
      return this.#finish(NOTHING);
    } finally {
      this.#emitLast();
    }
  }

  async *generate(): AsyncGenerator<RunnerEvent, unknown, undefined> {
    this.#asked();
    try {
      for (const step of this.#steps) {
        if (step.do === 'send') {
          yield this.#yielding(step.offer);
          this.#asked();
          await rest(step.pause);
        } else if (step.do === 'emit') {
          const answer = this.#emit(step.offer);
          const pause = step.pause === 'its answer' ? answer : rest(step.pause);
          if (pause !== undefined) await pause;
        } else {
          return await this.#end(step);
        }
      }
      return this.#finish(NOTHING);
    } finally {
      this.#emitLast();
    }
  }

  /** An iterator without `return`, which answers at once or with a promise, as its pauses say. */
  iterate(): AsyncIterable<RunnerEvent> {
    const steps = [...this.#steps];
    const next = (): unknown => {
      this.#asked();
      for (let step = steps.shift(); step !== undefined; step = steps.shift()) {
        if (step.do === 'emit') {
          this.#emit(step.offer);
        } else if (step.do === 'send') {
          const answer = { done: false, value: this.#yielding(step.offer) };
          return step.pause === 'nothing' ? answer : rest(step.pause)?.then(() => answer);
        } else {
          return this.#end(step).then((value) => ({ done: true, value }));
        }
      }
      return { done: true, value: this.#finish(NOTHING) };
    };
    return { [Symbol.asyncIterator]: () => ({ next }) } as AsyncIterable<RunnerEvent>;
  }

  #asked(): void {
    this.#trace.add({ do: 'asked', attempt: this.#attempt });
  }

  /** The event, with a `type` that tells when the gate reads it: it may be stopped on its way from the `yield`. */
  #yielding(offer: Offer): RunnerEvent {
    const { event } = offer;
    const attempt = this.#attempt;
    this.#trace.add({ do: 'yield', attempt, offer });
    if (!tellsWhenRead(event)) return event as RunnerEvent;
    const { type } = event;
    let isRead = false;
    return Object.defineProperty({ ...event }, 'type', {
      enumerable: true,
      get: () => {
        if (!isRead) this.#trace.add({ do: 'reach', attempt, offer });
        isRead = true;
        return type;
      },
    }) as RunnerEvent;
  }

  #emit(offer: Offer): Promise<unknown> | undefined {
    const trace = this.#trace;
    const entry = trace.addStanding<Offered>({ do: 'offer', attempt: this.#attempt, offer });
    let answer: EmitOutcome | Promise<EmitOutcome>;
    try {
      answer = this.#emitter.emit(offer.event as RunnerEvent);
    } catch (error) {
      trace.flaw(`emit threw ${String(error)}`);
      return undefined;
    }
    if (typeof answer === 'string') {
      entry.answer = answer;
      return undefined;
    }
    entry.answer = typeof answer?.then === 'function' ? 'a promise' : 'neither';
    return answer.then(
      (outcome) => {
        entry.later = outcome;
        trace.addStanding<Extract<Entry, { do: 'room' }>>({ do: 'room', offered: entry });
      },
      (error) => trace.flaw(`emit's promise was rejected with ${String(error)}`),
    );
  }

  /** In its `finally`, and later than that. */
  #emitLast(): void {
    this.#trace.add({ do: 'leave', attempt: this.#attempt });
    for (const offer of this.#program.atLast) this.#emit(offer);
    for (const { offer, after } of this.#program.late) {
      if (after === 'a microtask') queueMicrotask(() => this.#emit(offer));
      else setImmediate(() => setImmediate(() => this.#emit(offer)));
    }
  }

  async #end(step: LastStep): Promise<unknown> {
    if (step.do !== 'hang') return this.#finish(step);
    const { signal } = this.#emitter;
    const { emits, onAbort } = step;
    await new Promise<void>((resolve) => {
      const heard = () => {
        if (emits !== undefined) this.#emit(emits);
        if (onAbort !== 'go on') resolve();
      };
      if (signal.aborted) heard();
      else signal.addEventListener('abort', heard, { once: true });
    });
    return this.#finish(onAbort === 'throw' ? { do: 'throw', what: 'an error' } : NOTHING);
  }

  #finish(how: Finish): unknown {
    const thrown = how.do === 'throw' ? toThrow(how.what) : undefined;
    this.#trace.add({ do: 'finish', attempt: this.#attempt, how, thrown });
    if (how.do === 'throw') throw thrown;
    return how.result;
  }
}

function toThrow(what: Thrown): unknown {
  switch (what) {
    case 'a refusal':
      return new RunnerDeclinedError('not mine');
    case 'a bad request':
      return Object.assign(new Error('bad'), { status: 400 });
    case 'an error':
      return new Error('broken');
    case 'a string':
      return 'broken';
    default:
      return undefined;
  }
}
