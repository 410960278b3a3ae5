/**
 * The runners of one engine: its own, one for each hint, one for each model. Rust knows their numbers and decides in which
 * order they are tried. Only this object holds the runners, so an engine and a runner that refers to it can be
 * garbage-collected together.
 */

import { native } from './native';
import { keepForCalls, makeOwnRunner, type RunnerLike, type RunnerRegistration } from './runner';

interface HeldRunner {
  readonly id: number;
  readonly runner: RunnerLike;
}

export class OwnRunners {
  readonly #engine: number;
  /** By hint; `undefined` is the slot for every model. */
  readonly #slots = new Map<string | undefined, HeldRunner>();
  readonly #models = new Map<string, HeldRunner>();

  constructor(engine: number) {
    this.#engine = engine;
  }

  /** Fills a slot, or clears it with `null`. */
  set(runner: RunnerLike | null, hint?: string): RunnerRegistration {
    const held = runner === null ? undefined : { id: makeOwnRunner(runner), runner };
    native.setEngineRunner(this.#engine, hint, held?.id);
    replace(this.#slots, hint, held);
    return new OwnRegistration(this, hint, held?.id);
  }

  /** Clears a slot if it still holds this registration's runner. */
  clear(hint: string | undefined, id: number): void {
    if (this.#slots.get(hint)?.id !== id) return;
    native.clearEngineRunner(this.#engine, hint, id);
    replace(this.#slots, hint, undefined);
  }

  /**
   * Registers a model, with a runner or without.
   *
   * @returns the addon's result: 0, or -1 on failure.
   */
  registerModel(schemaJson: string, id: string, runner: RunnerLike | undefined): number {
    const held = runner === undefined ? undefined : { id: makeOwnRunner(runner), runner };
    const answer = native.registerModel(this.#engine, schemaJson, held?.id);
    if (answer >= 0) replace(this.#models, id, held);
    return answer;
  }

  ofModel(id: string): RunnerLike | undefined {
    return this.#models.get(id)?.runner;
  }
}

function replace<Key>(held: Map<Key, HeldRunner>, key: Key, by: HeldRunner | undefined): void {
  const old = held.get(key);
  if (old !== undefined) keepForCalls(old.id, old.runner);
  if (by === undefined) held.delete(key);
  else held.set(key, by);
}

class OwnRegistration implements RunnerRegistration {
  readonly #runners: OwnRunners;
  readonly #hint: string | undefined;
  #runnerId: number | undefined;

  constructor(runners: OwnRunners, hint: string | undefined, runnerId: number | undefined) {
    this.#runners = runners;
    this.#hint = hint;
    this.#runnerId = runnerId;
  }

  dispose(): void {
    if (this.#runnerId === undefined) return;
    this.#runners.clear(this.#hint, this.#runnerId);
    this.#runnerId = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
