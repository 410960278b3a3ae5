/** Runs a program's runner side and writes down what it offered and what it was answered. Also runs in threads. */
import type { EmitOutcome, EventEmitter, RunnerEvent } from 'car-inference';
import type { Offer, Pause, RunnerProgram, RunnerStep, Thrown } from './program';
import type { Entry, Finish, Offered } from './trace';

/** What it needs of its surroundings. */
export interface Surroundings {
  readonly trace: Entry[];
  readonly RunnerDeclinedError: new (message: string) => Error;
}

export function rest(pause: Pause): Promise<void> | undefined {
  if (pause === 'a microtask') return Promise.resolve();
  return pause === 'a turn' ? new Promise((resolve) => setImmediate(resolve)) : undefined;
}

/** The runner of one attempt: what `run` returns for it. */
export function runProgram(program: RunnerProgram, emitter: EventEmitter, around: Surroundings): unknown {
  const run = new ProgramRun(program, emitter, around);
  if (program.way === 'emitter') return run.push();
  return program.way === 'generator' ? run.generate() : run.iterate();
}

class ProgramRun {
  readonly #program: RunnerProgram;
  readonly #emitter: EventEmitter;
  readonly #around: Surroundings;
  readonly #attempt: number;
  readonly #steps: readonly RunnerStep[];

  constructor(program: RunnerProgram, emitter: EventEmitter, around: Surroundings) {
    this.#program = program;
    this.#emitter = emitter;
    this.#around = around;
    this.#attempt = emitter.attempt;
    this.#steps = program.attempts[Math.min(this.#attempt, program.attempts.length) - 1] ?? [];
    around.trace.push({ do: 'begin', attempt: this.#attempt });
  }

  async push(): Promise<unknown> {
    try {
      for (const step of this.#steps) {
        if (step.do === 'send') {
          await this.#emit(step.offer);
          await rest(step.pause);
        } else if (step.do === 'emit') {
          this.#emit(step.offer);
          const pause = rest(step.pause);
          if (pause !== undefined) await pause;
        } else {
          return await this.#end(step);
        }
      }
      return this.#finish({ do: 'return', result: undefined, isResult: true });
    } finally {
      for (const offer of this.#program.atLast) this.#emit(offer, 'perhaps settled');
      this.#emitLate();
    }
  }

  async *generate(): AsyncGenerator<RunnerEvent, unknown, undefined> {
    try {
      for (const step of this.#steps) {
        if (step.do === 'send') {
          const entry = this.#yielding(step.offer);
          yield step.offer.event as RunnerEvent;
          entry.wentOn = true;
          await rest(step.pause);
        } else if (step.do === 'emit') {
          this.#emit(step.offer);
          const pause = rest(step.pause);
          if (pause !== undefined) await pause;
        } else {
          return await this.#end(step);
        }
      }
      return this.#finish({ do: 'return', result: undefined, isResult: true });
    } finally {
      for (const offer of this.#program.atLast) this.#emit(offer, 'perhaps settled');
      this.#emitLate();
    }
  }

  /** An iterator without `return`, which answers at once or with a promise, as its pauses say. */
  iterate(): AsyncIterable<RunnerEvent> {
    const steps = [...this.#steps];
    let yielded: Offered | undefined;
    const next = (): unknown => {
      if (yielded !== undefined) yielded.wentOn = true;
      for (let step = steps.shift(); step !== undefined; step = steps.shift()) {
        if (step.do === 'emit') {
          this.#emit(step.offer);
        } else if (step.do === 'send') {
          yielded = this.#yielding(step.offer);
          const answer = { done: false, value: step.offer.event };
          return step.pause === 'nothing' ? answer : rest(step.pause)?.then(() => answer);
        } else {
          return this.#end(step).then((value) => ({ done: true, value }));
        }
      }
      return { done: true, value: this.#finish({ do: 'return', result: undefined, isResult: true }) };
    };
    return { [Symbol.asyncIterator]: () => ({ next }) } as AsyncIterable<RunnerEvent>;
  }

  #yielding(offer: Offer): Offered {
    const entry: Offered = { do: 'offer', attempt: this.#attempt, offer, way: 'yield' };
    this.#around.trace.push(entry);
    return entry;
  }

  #emit(offer: Offer, late?: Offered['late']): Promise<unknown> | undefined {
    const entry: Offered = { do: 'offer', attempt: this.#attempt, offer, way: 'emit', ...(late && { late }) };
    // Written down before it happens: what it sets off comes after it.
    this.#around.trace.push(entry);
    let answer: EmitOutcome | Promise<EmitOutcome>;
    try {
      answer = this.#emitter.emit(offer.event as RunnerEvent);
    } catch (error) {
      this.#around.trace.push({ do: 'flaw', says: `emit threw ${String(error)}` });
      return undefined;
    }
    if (typeof answer === 'string') {
      entry.answer = answer;
      return undefined;
    }
    entry.answer = typeof answer?.then === 'function' ? 'later' : 'neither';
    return answer.then(
      (outcome) => {
        entry.later = outcome;
      },
      (error) => {
        this.#around.trace.push({ do: 'flaw', says: `emit's promise was rejected with ${String(error)}` });
      },
    );
  }

  #emitLate(): void {
    for (const { offer, after } of this.#program.late) {
      if (after === 'a microtask') queueMicrotask(() => this.#emit(offer, 'perhaps settled'));
      else setImmediate(() => setImmediate(() => this.#emit(offer, 'settled')));
    }
  }

  async #end(step: Extract<RunnerStep, { do: 'return' | 'throw' | 'hang' }>): Promise<unknown> {
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
    if (onAbort === 'throw') return this.#finish({ do: 'throw', what: 'an error' });
    return this.#finish({ do: 'return', result: undefined, isResult: true });
  }

  #finish(how: Finish): unknown {
    this.#around.trace.push({ do: 'finish', attempt: this.#attempt, how });
    if (how.do === 'throw') throw this.#thrown(how.what);
    return how.result;
  }

  #thrown(what: Thrown): unknown {
    switch (what) {
      case 'a refusal':
        return new this.#around.RunnerDeclinedError('not mine');
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
}
