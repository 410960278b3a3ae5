/** A program of a runner and its consumer, as plain data: it prints and shrinks. */
import type { StreamEvent } from 'car-inference';

/** What lies between one step and the next. */
export type Pause = 'nothing' | 'a microtask' | 'a turn';

/** An event as it is offered, and as it has to arrive: null when it is none. */
export interface Offer {
  readonly event: unknown;
  readonly arrives: StreamEvent | null;
}

export type Thrown = 'an error' | 'a refusal' | 'a bad request' | 'undefined' | 'a string';

export type RunnerStep =
  /** Emitted, and what is awaited then. */
  | { readonly do: 'emit'; readonly offer: Offer; readonly pause: Pause | 'its answer' }
  /** Yielded by a generator; an emitter runner emits it and awaits the answer. */
  | { readonly do: 'send'; readonly offer: Offer; readonly pause: Pause }
  | { readonly do: 'return'; readonly result: unknown; readonly isResult: boolean }
  | { readonly do: 'throw'; readonly what: Thrown }
  | { readonly do: 'hang'; readonly onAbort: 'return' | 'throw' | 'go on'; readonly emits?: Offer };

export interface RunnerProgram {
  readonly way: 'emitter' | 'generator' | 'iterator';
  /** Whether it has asked for its signal: an emitter makes one only then. */
  readonly listens: boolean;
  /** One script for each attempt; the last one also for all later ones. */
  readonly attempts: ReadonlyArray<readonly RunnerStep[]>;
  /** Offered in its `finally`. */
  readonly atLast: readonly Offer[];
  /** Emitted once it has settled, so much later. */
  readonly late: ReadonlyArray<{ readonly offer: Offer; readonly after: Exclude<Pause, 'nothing'> }>;
}

export type ConsumerStep = {
  readonly do:
    | 'pull'
    | 'pull three'
    | 'pull and wait'
    | 'read its facts'
    | 'ask for the result'
    | 'cancel'
    | 'abort'
    | 'return'
    | 'throw'
    | 'dispose'
    | 'detach'
    | 'collect garbage'
    | 'drain the engine'
    | 'close the engine'
    | 'replace the runner'
    | 'clear the runner';
  readonly pause: Pause;
};

export type ConsumerEnd =
  | 'pull to the end'
  | 'loop'
  | 'break'
  | 'throw in the loop'
  | 'text stream'
  | 'part of the text stream'
  | 'readable'
  | 'part of the readable'
  | 'ask for the result'
  | 'leave'
  | 'cancel'
  | 'drop it';

export interface Program {
  readonly runner: RunnerProgram;
  readonly consumer: readonly ConsumerStep[];
  readonly end: ConsumerEnd;
  readonly bufferedEventsMax: number;
  /** Undefined: as many as the engine allows. */
  readonly unawaitedEventsMax: number | undefined;
  readonly attemptsMax: number;
  /** Whether its signal is aborted before anything else. */
  readonly abortedBefore: boolean;
}

/** Whether a program goes on when it is told to stop: only such a one gets a grace that is short. */
export function mayBeCutOff({ runner }: Program): boolean {
  return runner.attempts.some((steps) => steps.some((step) => step.do === 'hang' && step.onAbort === 'go on'));
}

/** Whether nobody would know what happened if its runner did not listen to its signal. */
export function mustListen({ end, runner }: Program): boolean {
  if (end === 'drop it') return true;
  if (runner.way === 'emitter') return false;
  return runner.attempts.some((steps) => steps.some((it) => it.do === 'send' && !tellsWhenRead(it.offer.event)));
}

/** Whether an event is an object that the gate looks into. */
export function tellsWhenRead(event: unknown): event is { type?: unknown } {
  return typeof event === 'object' && event !== null && !Array.isArray(event);
}
