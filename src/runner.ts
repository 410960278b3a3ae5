/**
 * The runners of this thread: registering, finding, forgetting. Rust owns the slots and only knows numbers. This file holds
 * the objects of the process's runners until Rust says that no call uses them any more. An engine or a call holds its own
 * runners; this file only has weak references to them.
 */

import type { GenerateRequest, RunnerResult } from '../native/types';
import { AsyncScope, outsideCalls } from './async-scope';
import type { EventEmitter, RunnerEvent } from './emitter';
import { describe, messageOf } from './json';
import { native, Slot } from './native';
import { checkNames, type Fields } from './options';
import { realm } from './realm';
import { RunnerFailedError } from './runner-errors';

export type { RunnerResult } from '../native/types';

/** A runner that pushes: it emits events and resolves when it is through. */
export type EmittingRun = (
  request: GenerateRequest,
  emitter: EventEmitter,
  // biome-ignore lint/suspicious/noConfusingVoidType: a runner may return nothing
) => Promise<RunnerResult | void> | RunnerResult | void;

/** A runner that is pulled: it yields events at the pace of the consumer, and may return a result. */
export type GeneratingRun = (
  request: GenerateRequest,
  emitter: EventEmitter,
  // biome-ignore lint/suspicious/noConfusingVoidType: a runner may return nothing
) => AsyncGenerator<RunnerEvent, RunnerResult | void, undefined> | AsyncIterable<RunnerEvent>;

/** What answers a request: `run` may emit events, or be an async generator that yields them. */
export interface InferenceRunner {
  run: EmittingRun | GeneratingRun;
}

/** Every form that a runner may have. */
export type RunnerLike = InferenceRunner | EmittingRun | GeneratingRun;

/** Selects a slot of the process or of an engine. */
export interface RunnerSlotOptions {
  /** The slot for models with this hint. Default: the slot for every model. */
  hint?: string | undefined;
}

/** A registered runner's handle. */
export interface RunnerRegistration extends Disposable {
  /** Clears the slot if it still holds this runner. Calls in flight keep it. May be called any number of times. */
  dispose(): void;
}

/**
 * Registers the runner that answers this process's calls, or the calls of models with one `hint`. Replaces what was
 * there; a call in flight keeps the runner it started with. `null` clears the slot. Engines and calls with their own
 * runners try those first.
 *
 * @param runner an object with `run(request, emitter)`, an async function, or an `async function*` that yields events.
 * @param options `hint`: register for models of this hint only.
 * @returns a registration; disposing of it clears the slot only if it still holds this runner.
 * @throws TypeError when `runner` is not a runner or `null`, or `hint` is not a non-empty string; InvalidRequestError for
 *   an unknown option.
 *
 * @example
 * const registration = setInferenceRunner(async function* (request, { signal }) {
 *   yield { type: 'text-delta', text: `echo: ${request.prompt}` };
 * });
 */
export function setInferenceRunner(runner: RunnerLike | null, options: RunnerSlotOptions = {}): RunnerRegistration {
  const hint = hintOf('setInferenceRunner', options);
  if (runner === null) {
    native.clearRunner(hint);
    return new Registration(hint, undefined);
  }
  checkRunner(runner, 'setInferenceRunner: runner', 'an object with a run method, a function or null');
  const id = native.registerRunner(objectIdOf(runner), hint);
  realm.runners.set(id, { find: () => runner, scope: new AsyncScope() });
  return new Registration(hint, id);
}

/** Creates a runner in Rust for an engine or a call; pass the id to the very next native function. @internal */
export function makeOwnRunner(runner: RunnerLike): number {
  const id = native.newRunner(objectIdOf(runner));
  // A weak reference: an engine and a runner that refers to it can be garbage-collected together.
  const held = new WeakRef(runner);
  realm.runners.set(id, { find: () => held.deref(), scope: undefined });
  return id;
}

/** Holds a runner that its engine has released, until Rust says that no call in flight uses it. @internal */
export function keepForCalls(id: number, runner: RunnerLike): void {
  realm.runners.set(id, { find: () => runner, scope: undefined });
}

/**
 * The runner in the process-wide slot, or in the slot of a hint: the very object that was registered, `null` when there
 * is none. A runner that lives in another thread or in Rust cannot be handed over; for it you get a stand-in whose `run`
 * rejects.
 *
 * @param options `hint`: the slot of this hint, without falling back to the process-wide one.
 * @throws TypeError when `hint` is not a non-empty string; InvalidRequestError for an unknown option.
 */
export function currentInferenceRunner(options: RunnerSlotOptions = {}): RunnerLike | null {
  const id = native.currentRunner(hintOf('currentInferenceRunner', options));
  if (id === Slot.EMPTY) return null;
  return runnerById(id) ?? RUNNER_ELSEWHERE;
}

/** The runner that Rust knows by this number. @internal */
export function runnerById(id: number): RunnerLike | undefined {
  return realm.runners.get(id)?.find();
}

/**
 * The context of a run for a consumer elsewhere, whose own context cannot come along: that in which the runner was
 * registered. One of its own for each run, because older versions of Node let `enterWith` change it. @internal
 */
export function hostedScope(id: number): AsyncScope {
  const open = () => new AsyncScope();
  const scope = realm.runners.get(id)?.scope;
  return scope === undefined ? outsideCalls(open) : scope.runInAsyncScope(open);
}

/** Rust holds this runner no longer. @internal */
export function forgetRunner(id: number): void {
  realm.runners.delete(id);
}

const RUNNER_ELSEWHERE: InferenceRunner = Object.freeze({
  run(): Promise<void> {
    return Promise.reject(new RunnerFailedError('this runner is in another thread and cannot be called from here'));
  },
});

class Registration implements RunnerRegistration {
  readonly #hint: string | undefined;
  #runnerId: number | undefined;

  constructor(hint: string | undefined, runnerId: number | undefined) {
    this.#hint = hint;
    this.#runnerId = runnerId;
  }

  dispose(): void {
    if (this.#runnerId === undefined) return;
    native.clearRunner(this.#hint, this.#runnerId);
    this.#runnerId = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * @param path the name of the argument, for the error message.
 * @param accepted the accepted values, for the error message.
 * @throws TypeError with the path, when the value is not a runner.
 * @internal
 */
export function checkRunner(
  runner: unknown,
  path: string,
  accepted = 'an object with a run method or a function',
): asserts runner is RunnerLike {
  if (typeof runner === 'function') {
    if (/^class\b/.test(Function.prototype.toString.call(runner))) {
      throw new TypeError(`${path} is a class; pass an instance of it`);
    }
    return;
  }
  if (typeof runner !== 'object' || runner === null) {
    throw new TypeError(`${path} must be ${accepted}, got ${describe(runner)}`);
  }
  const run = read(runner, 'run', `${path}.run`);
  if (typeof run !== 'function') {
    throw new TypeError(`${path}.run must be a function, got ${describe(run)}`);
  }
}

function objectIdOf(runner: RunnerLike): number {
  const objects = realm.runnerObjects;
  const known = objects.ids.get(runner);
  if (known !== undefined) return known;
  objects.last += 1;
  objects.ids.set(runner, objects.last);
  return objects.last;
}

const SLOT_OPTIONS: Fields<RunnerSlotOptions> = { hint: 'host' };

/** @throws TypeError when it is not a non-empty string; InvalidRequestError for an unknown option. @internal */
export function hintOf(what: string, options: RunnerSlotOptions): string | undefined {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`${what}: options must be an object, got ${describe(options)}; such as { hint: 'openai' }`);
  }
  const hint = read(options, 'hint', 'options.hint');
  checkNames(`options of ${what}`, options, SLOT_OPTIONS);
  if (hint === undefined) return undefined;
  if (typeof hint !== 'string' || hint === '') {
    throw new TypeError(
      `options.hint must be a non-empty string, got ${hint === '' ? 'an empty one' : describe(hint)}`,
    );
  }
  return hint;
}

/** One property; a getter or a proxy that throws is a TypeError that names it. */
function read(target: object, key: string, path: string): unknown {
  try {
    return (target as Record<string, unknown>)[key];
  } catch (error) {
    throw new TypeError(`${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
