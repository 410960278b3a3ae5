/**
 * Which call a call is made inside of: the one whose runner makes it. Known through the async context, so it holds after
 * any `await` of the runner. Owns finding the calls around a call; how many there may be is Rust's rule.
 *
 * Older versions of Node keep contexts by hooks on every promise of the process, which would make each event dearer by a
 * half. There the runner's code is known up to its first `await`, and after it only when that is worth the price.
 */

import { AsyncLocalStorage, executionAsyncResource } from 'node:async_hooks';
import { AsyncScope } from './async-scope';

/** With so many calls open in a thread, of whatever engine, calls without end inside each other are likelier than a host that wants them. */
const SUSPICIOUS_CALLS = 2048;

/** One call, for those who must not hold it: a `FinalizationRegistry`, and the calls made inside it. */
export class Ticket {
  /** The addon's number of the call; 0 until it is opened. */
  id = 0;
  isOver = false;
  /** The engine's number. */
  readonly #engine: number;
  /** The innermost call in flight around this one. */
  #outer: Ticket | undefined;

  constructor(outer: Ticket | undefined, engine: number) {
    this.#outer = outer;
    this.#engine = engine;
  }

  /** The innermost of the calls around this one that is in flight. Forgets those that are over, or a chain would grow. */
  get outer(): Ticket | undefined {
    while (this.#outer?.isOver) this.#outer = this.#outer.outer;
    return this.#outer;
  }

  /** Whether a call of this engine around it is in flight. */
  isInside(engine: number): boolean {
    let outer = this.outer;
    while (outer !== undefined && outer.#engine !== engine) outer = outer.outer;
    return outer !== undefined;
  }

  /** How many calls in flight a call made inside this one has around it. */
  get depthInside(): number {
    let depth = this.isOver ? 0 : 1;
    for (let outer = this.outer; outer !== undefined; outer = outer.outer) depth += 1;
    return depth;
  }
}

const enclosing = new AsyncLocalStorage<Ticket>();
const areContextsCheap = keepsContextsWithoutHooks();

/** The call whose runner is at work here. */
export function enclosingCall(): Ticket | undefined {
  const ticket = enclosing.getStore();
  if (ticket !== undefined || areContextsCheap) return ticket;
  const resource = executionAsyncResource();
  return resource instanceof AsyncScope ? (resource.owner as Ticket | undefined) : undefined;
}

/** The context of a call, for its runner: that of its caller, and in it the calls made there know the call. */
export function scopeOf(ticket: Ticket, callsInFlight: number, isLimitSet: boolean): AsyncScope {
  const scope = new AsyncScope(ticket);
  if (!areContextsCheap && !isLimitSet && callsInFlight < SUSPICIOUS_CALLS) return scope;
  return scope.runInAsyncScope(enter, undefined, ticket);
}

function enter(ticket: Ticket): AsyncScope {
  // Holds until the scope around it is left. Cheaper by half than `run`, which makes a context on its way back too.
  enclosing.enterWith(ticket);
  return new AsyncScope(ticket);
}

/** Whether this Node keeps contexts in V8 itself: with hooks, a storage leaves its mark on the resource it is entered in. */
function keepsContextsWithoutHooks(): boolean {
  const probe = new AsyncLocalStorage<boolean>();
  const scope = new AsyncScope();
  const marks = () => Object.getOwnPropertySymbols(scope).length;
  const before = marks();
  scope.runInAsyncScope(() => probe.enterWith(true));
  const after = marks();
  probe.disable();
  return after === before;
}
