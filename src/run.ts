/**
 * One run of a runner of this thread, whoever the consumer is: calls it, finds out whether it pushes or is pulled, feeds
 * its events to the gate and settles exactly once. Subclasses say where events go. Holds no rule about events.
 */

import { types } from 'node:util';
import type { GenerateRequest, StreamEvent } from '../native/types';
import type { AsyncScope } from './async-scope';
import { type AttemptFacts, type EmitOutcome, RunEmitter } from './emitter';
import { passGate } from './gate';
import { describe, encodeJson, JsonProblem, toWellFormed } from './json';
import { native } from './native';
import type { RunnerLike } from './runner';
import { describeThrown } from './thrown';

/** As `await` does: a promise that brings a `then` of its own could call back twice, or never. */
const { then } = Promise.prototype;
/** A runner's function need not have a `call` of its own, nor the usual one. */
const { apply } = Reflect;

interface EventIterator {
  return?: unknown;
}

/** An iterator and its `next`, which is read once, as `for await` does. */
interface Opened {
  readonly iterator: EventIterator;
  readonly next: (this: EventIterator) => unknown;
}

export abstract class Run {
  // What each event touches comes first: with thousands of runs in turn, every further cache line is a miss.
  readonly port: number;
  /** Where the runner's code runs, and nothing but it. */
  readonly scope: AsyncScope;
  #pulling = false;
  /** No event is taken any more. */
  closed = false;
  aborted = false;
  /** How often the runner has been pulled. */
  pulls = 0;
  #iterator: EventIterator | undefined;
  #next: Opened['next'] | undefined;
  /** What the iterator answers is nobody else's. */
  #ownsSteps = false;
  // Made once for a runner that is pulled; a runner that pushes needs neither.
  #whenPulled: ((step: unknown) => void) | undefined;
  #whenFailed: ((error: unknown) => void) | undefined;
  readonly emitter = new RunEmitter(this);
  abortReason: unknown;
  /** JSON, read when someone asks. */
  #factsJson: string | undefined;
  #facts: AttemptFacts | undefined;

  constructor(port: number, scope: AsyncScope) {
    this.port = port;
    this.scope = scope;
  }

  /** Whether another event may be pulled now. */
  protected abstract wants(): boolean;
  /** Hands an event that passed to the one pull that it is for, with nothing left to do. False when it is not so simple. */
  protected abstract answers(result: IteratorResult<StreamEvent, void>): boolean;
  /** The gate let the event pass, and nothing else is to be said about it. `event` is the consumer's own object. */
  protected abstract passed(event: StreamEvent): EmitOutcome | Promise<EmitOutcome>;
  /** Any other verdict. */
  protected abstract judged(verdict: number): EmitOutcome | Promise<EmitOutcome>;
  /** The run is through; its emitter is closed. */
  protected abstract settled(outcomeJson: string | undefined): void;
  /** Keeps what was thrown for a consumer in this realm. */
  protected abstract keepCause(thrown: unknown): number | undefined;

  get isClosed(): boolean {
    return this.closed || this.aborted || native.isClosed(this.port);
  }

  get isPulled(): boolean {
    return this.#iterator !== undefined;
  }

  get isPulling(): boolean {
    return this.#pulling;
  }

  /** Calls the runner. */
  begin(runner: RunnerLike | undefined, request: GenerateRequest): void {
    this.scope.runInAsyncScope(this.#begin, this, runner, request);
  }

  #begin(runner: RunnerLike | undefined, request: GenerateRequest): void {
    try {
      if (runner === undefined) throw new Error('the runner is gone');
      const returned: unknown =
        typeof runner === 'function' ? runner(request, this.emitter) : runner.run(request, this.emitter);
      this.#adopt(returned);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Pulls the next event if the runner is one to be pulled and its events are wanted. */
  pump(): void {
    if (this.wants()) this.ask();
  }

  /** As `pump`, for a consumer that is known to want the event. */
  ask(): void {
    if (this.#iterator === undefined || this.#pulling || this.aborted || this.closed) return;
    this.scope.runInAsyncScope(this.#pull, this);
  }

  #pull(): void {
    this.#pulling = true;
    this.pulls += 1;
    try {
      const next = this.#next as Opened['next'];
      const iterator = this.#iterator as EventIterator;
      const step = this.#ownsSteps ? next.call(iterator) : Promise.resolve(apply(next, iterator, []));
      then.call(step, this.#whenPulled, this.#whenFailed);
    } catch (error) {
      this.#fail(error);
    }
  }

  emit(event: unknown): EmitOutcome | Promise<EmitOutcome> {
    if (this.closed) return 'closed';
    const answer = passGate(this.port, event);
    return typeof answer === 'number' ? this.judged(answer) : this.passed(answer);
  }

  facts(): AttemptFacts {
    this.#facts ??= JSON.parse(this.#factsJson ?? native.attemptFacts(this.port)) as AttemptFacts;
    return this.#facts;
  }

  /** Takes the facts while the addon has them: it forgets them with the attempt, and the runner may ask later. Answers whether it still had. */
  keepFacts(): boolean {
    this.#factsJson ??= native.attemptFacts(this.port);
    return this.#factsJson !== '';
  }

  /** Tells the runner to stop. It settles when it has. */
  abort(reason: unknown): void {
    if (this.aborted || this.closed) return;
    this.aborted = true;
    this.abortReason = reason;
    this.scope.runInAsyncScope(this.#tell, this, reason);
  }

  /** The runner's own listeners run here, and its `finally`. */
  #tell(reason: unknown): void {
    this.emitter.abort(reason);
    this.#wind();
  }

  /** The call is over without waiting for the runner. */
  abandon(reason: unknown): void {
    if (this.closed) return;
    this.keepFacts();
    this.abort(reason);
    this.closed = true;
  }

  /** Finds the shape of the runner in what it returned. Only a settled promise is the end; an iterator is the start. */
  #adopt(returned: unknown): void {
    const opened = iteratorOf(returned);
    if (opened !== undefined) {
      const { iterator, next } = opened;
      this.#iterator = iterator;
      this.#next = next;
      this.#ownsSteps = next === asyncGeneratorNext && types.isGeneratorObject(iterator);
      this.#whenPulled = (step) => this.#onPulled(step);
      this.#whenFailed = (error) => this.#fail(error);
      if (this.aborted) this.#wind();
      else this.pump();
      return;
    }
    if (isThenable(returned)) {
      // An async function may also return an async iterable.
      then.call(
        Promise.resolve(returned),
        (value) => {
          try {
            if (iteratorIn(value)) this.#adopt(value);
            else this.#finish(value);
          } catch (error) {
            this.#fail(error);
          }
        },
        (error: unknown) => this.#fail(error),
      );
      return;
    }
    this.#finish(returned);
  }

  #onPulled(step: unknown): void {
    this.#pulling = false;
    if (this.closed) return;
    let value: unknown;
    try {
      if (typeof step !== 'object' || step === null) {
        throw new TypeError(`the runner's iterator answered ${describe(step)} instead of { value, done }`);
      }
      const result = step as IteratorResult<unknown, unknown>;
      const done = result.done;
      value = result.value;
      if (done) {
        this.#finish(value);
        return;
      }
    } catch (error) {
      this.#fail(error);
      return;
    }
    const answer = passGate(this.port, value);
    if (typeof answer !== 'number' && this.answers(this.#resultOf(answer, step))) return;
    const outcome = typeof answer === 'number' ? this.judged(answer) : this.passed(answer);
    if (typeof outcome !== 'string') {
      outcome.then(() => this.pump());
    } else if (outcome === 'closed' && !this.aborted) {
      this.abort(undefined);
    } else if (this.aborted && typeof this.#iterator?.return !== 'function') {
      this.#finish(undefined);
    } else {
      this.pump();
    }
  }

  /** A result to hand over. The generator's own is taken where nobody else can hold it: it is made already. */
  #resultOf(event: StreamEvent, step: unknown): IteratorResult<StreamEvent, void> {
    if (!this.#ownsSteps) return { value: event, done: false };
    const result = step as IteratorYieldResult<StreamEvent>;
    result.value = event;
    return result;
  }

  /** Lets a pulled runner run its `finally`, and settles when it has. */
  #wind(): void {
    const iterator = this.#iterator;
    if (iterator === undefined || this.closed) return;
    try {
      const { return: finish } = iterator;
      if (typeof finish === 'function') {
        then.call(
          Promise.resolve(finish.call(iterator, undefined) as unknown),
          () => this.#finish(undefined),
          this.#whenFailed,
        );
      } else if (!this.#pulling) {
        this.#finish(undefined);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #finish(result: unknown): void {
    if (this.closed) return;
    this.#settle(result === undefined || result === null || this.aborted ? undefined : outcomeOf(result));
  }

  #fail(thrown: unknown): void {
    if (this.closed) return;
    const facts = describeThrown(thrown);
    const causeId = this.keepCause(thrown);
    if (causeId !== undefined) facts.causeId = causeId;
    this.#settle(JSON.stringify({ error: facts }));
  }

  #settle(outcomeJson: string | undefined): void {
    if (this.closed) return;
    this.keepFacts();
    this.closed = true;
    this.#pulling = false;
    this.settled(outcomeJson);
  }
}

/** A result as the addon expects it, or why it is none: JSON has no BigInt, and would write NaN as null. */
function outcomeOf(result: unknown): string {
  const json =
    typeof result === 'number' && !Number.isFinite(result)
      ? new JsonProblem('result', `expected an object, got ${result}`)
      : encodeJson(result, 'result');
  // `settle.rs` takes exactly this text off again.
  if (typeof json === 'string') return `{"result":${json}}`;
  return JSON.stringify({ invalid: { path: json.path, message: toWellFormed(json.message) } });
}

/** That of every true async generator, whose promises and results JavaScript makes anew for each pull. */
const asyncGeneratorNext = nativeNext();

/** Undefined where somebody has put another in its place, who may keep what it answers. */
function nativeNext(): unknown {
  const { next } = Object.getPrototypeOf(Object.getPrototypeOf((async function* () {})()));
  const isNative =
    typeof next === 'function' && Function.prototype.toString.call(next) === 'function next() { [native code] }';
  return isNative ? next : undefined;
}

/** The iterator in what a runner returned; a function's plain text or a promise is none. */
function iteratorOf(returned: unknown): Opened | undefined {
  if (typeof returned !== 'object' || returned === null) return undefined;
  const value = returned as Record<string | symbol, unknown>;
  for (const key of [Symbol.asyncIterator, Symbol.iterator]) {
    const open = value[key];
    if (typeof open === 'function') return checkIterator(open.call(value), key);
  }
  const { next } = value;
  return typeof next === 'function' ? { iterator: value, next: next as Opened['next'] } : undefined;
}

function checkIterator(iterator: unknown, key: symbol): Opened {
  const next = typeof iterator === 'object' && iterator !== null ? (iterator as { next?: unknown }).next : undefined;
  if (typeof next === 'function') return { iterator: iterator as EventIterator, next: next as Opened['next'] };
  const got = typeof iterator === 'object' && iterator !== null ? `an object whose next is ${describe(next)}` : '';
  throw new TypeError(
    `the runner's [${key.description}]() must return an iterator with a next method, got ${got || describe(iterator)}`,
  );
}

function iteratorIn(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Record<symbol, unknown>)[Symbol.asyncIterator] === 'function'
  );
}

function isThenable(value: unknown): boolean {
  return (
    (typeof value === 'object' || typeof value === 'function') &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}
