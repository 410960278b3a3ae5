/**
 * Node's own timers and clocks, also when fake timers have already replaced them. `clock.ts` is for everybody else.
 *
 * Fake timers replace the functions of `node:timers`, the `Date` of the globals, and `performance.now`. What has been
 * replaced is built from parts that have clocks of their own and do not use those functions: `Atomics.waitAsync`, the `Date`
 * of a fresh context, and the prototype of `performance`.
 */

import { performance } from 'node:perf_hooks';
import timers from 'node:timers';
import type { MessagePort } from 'node:worker_threads';

export interface Timer {
  /** Lets the timer keep the process alive, as it does from its start. */
  ref(): this;
  unref(): this;
}

export interface Clock {
  setTimeout(run: () => void, delayMs: number): Timer;
  clearTimeout(timer: Timer | undefined): void;
  setInterval(run: () => void, delayMs: number): Timer;
  clearInterval(timer: Timer | undefined): void;
  /** `Date.now`: milliseconds since 1970. */
  epochMs(): number;
  /** `Date.parse`. */
  parseDate(text: string): number;
  /** `performance.now`: milliseconds since the process began; never goes backwards. */
  monotonicMs(): number;
}

/** The clock of this thread. Creates a timer to see whether timers are real. */
export function nodeClock(): Clock {
  const { now, parse } = isDateReal() ? Date : freshDate();
  const { now: monotonic } = Object.getPrototypeOf(performance) as typeof performance;
  return {
    ...(areTimersReal() ? timersOfNode() : timersOfAtomics()),
    epochMs: now,
    parseDate: parse,
    monotonicMs: (monotonic ?? performance.now).bind(performance),
  };
}

type Timers = Pick<Clock, 'setTimeout' | 'clearTimeout' | 'setInterval' | 'clearInterval'>;

function timersOfNode(): Timers {
  const { setTimeout, clearTimeout, setInterval, clearInterval } = timers;
  return { setTimeout, clearTimeout, setInterval, clearInterval } as Timers;
}

/** Node counts the timers that keep it alive. A timer that it does not count is not its own. */
function areTimersReal(): boolean {
  const before = timersOfProcess();
  if (before === undefined) return true;
  try {
    const timer = timers.setTimeout(() => {}, 1000);
    const after = timersOfProcess();
    timers.clearTimeout(timer);
    return after !== before;
  } catch {
    return false;
  }
}

function timersOfProcess(): number | undefined {
  return process.getActiveResourcesInfo?.().filter((type) => type === 'Timeout').length;
}

function isDateReal(): boolean {
  return [Date, Date.now, Date.parse].every((part) => Function.prototype.toString.call(part).includes('[native code]'));
}

function freshDate(): DateConstructor {
  const vm = require('node:vm') as typeof import('node:vm');
  return vm.runInNewContext('Date') as DateConstructor;
}

function timersOfAtomics(): Timers {
  const { MessageChannel } = require('node:worker_threads') as typeof import('node:worker_threads');
  const start = (run: () => void, delayMs: number, repeats: boolean) =>
    new AtomicsTimer(run, delayMs, repeats, () => new MessageChannel().port1).ref();
  const clear = (timer: Timer | undefined) => (timer as AtomicsTimer | undefined)?.clear();
  return {
    setTimeout: (run, delayMs) => start(run, delayMs, false),
    clearTimeout: clear,
    setInterval: (run, delayMs) => start(run, delayMs, true),
    clearInterval: clear,
  };
}

/** A timer that waits for a number in memory to change. Such a wait does not keep the process alive; an open port does. */
class AtomicsTimer implements Timer {
  readonly #cell = new Int32Array(new SharedArrayBuffer(4));
  readonly #openPort: () => MessagePort;
  #isOver = false;
  #hold: MessagePort | undefined;

  constructor(run: () => void, delayMs: number, repeats: boolean, openPort: () => MessagePort) {
    this.#openPort = openPort;
    this.#wait(run, delayMs, repeats);
  }

  /** What `run` throws is an unhandled rejection, as it is an uncaught exception with Node's timers. */
  async #wait(run: () => void, delayMs: number, repeats: boolean): Promise<void> {
    do {
      await Atomics.waitAsync(this.#cell, 0, 0, Math.max(1, delayMs)).value;
      if (this.#isOver) return;
      if (!repeats) this.clear();
      run();
    } while (repeats);
  }

  ref(): this {
    if (this.#isOver || this.#hold !== undefined) return this;
    this.#hold = this.#openPort();
    this.#hold.ref();
    return this;
  }

  unref(): this {
    this.#hold?.close();
    this.#hold = undefined;
    return this;
  }

  clear(): void {
    this.#isOver = true;
    this.unref();
    Atomics.notify(this.#cell, 0);
  }
}
