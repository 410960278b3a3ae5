/**
 * The native addon as TypeScript sees it: numbers and JSON strings, never objects, never exceptions for a failed call.
 * Owns the constants of the boundary. Refuses to know what any of it means to a caller.
 */

import { types } from 'node:util';
import type { Failure } from '../native/types';
import { loadAddon } from './addon';

export interface Native {
  addonVersion(): string;
  shareRealm(fresh: object): object;
  setMailbox(ring: () => void): void;
  takeMessages(): Array<number | string>;
  takeFailure(): string;

  /** The error message for an unknown field. */
  unknownField(name: string, known: string[]): string;
  /** What is wrong with a request that JSON cannot hold: a JSON list of `Problem`. */
  requestProblems(requestJson: string): string;

  /** `objectId` identifies a runner, however often it is registered. */
  registerRunner(objectId: number, hint?: string): number;
  clearRunner(hint?: string, runnerId?: number): boolean;
  /** A runner for an engine or a call; pass it to the very next native function. */
  newRunner(objectId: number): number;
  currentRunner(hint?: string): number;

  createEngine(optionsJson: string, log?: number): number;
  engineLog(engine: number): number;
  registerModel(engine: number, schemaJson: string, runnerId?: number): number;
  /** Clears the slot when no runner is given. */
  setEngineRunner(engine: number, hint?: string, runnerId?: number): void;
  clearEngineRunner(engine: number, hint: string | undefined, runnerId: number): boolean;
  models(engine: number): string;
  engineSettings(engine: number): string;
  /** When it drains, it still accepts calls inside its own calls in flight. */
  closeEngine(engine: number, drains: boolean): void;
  releaseEngine(engine: number): void;

  /** The files that opening a log accesses, the log itself first; empty when the path is not valid. */
  filesOfLog(path: string, writes: boolean): string[];
  openLogNow(path: string, optionsJson: string): number;
  /** Answers by mail, as `askLog` does. */
  openLog(path: string, optionsJson: string, key?: Uint8Array): number;
  /** The answer as JSON, or the number under which it comes by mail. */
  askLog(log: number, questionJson: string, bytes?: Uint8Array): string | number;
  durableSeq(log: number): number;
  endCursor(log: number): string | null;
  logFailure(log: number): string | null;
  logPath(log: number): string | null;
  releaseLog(log: number): void;

  /** `depth` and `parentTraceId`: for a call made inside another call's runner. `runnerId`: the call's own runner. */
  open(
    engine: number,
    requestJson: string,
    optionsJson?: string,
    depth?: number,
    enclosingCallId?: number,
    runnerId?: number,
  ): number;
  /** The request as JSON, as the runner of the current attempt gets it. */
  requestJson(callId: number): string;
  callSettings(callId: number): string;
  traceId(callId: number): string;
  modelUsed(callId: number): string;
  start(callId: number): number;
  attemptFacts(port: number): string;

  // These answer undefined when the event passed and there is nothing else to be said.
  textDelta(port: number, text: string): number | undefined;
  reasoningDelta(port: number, index: number, text: string): number | undefined;
  toolCallDelta(port: number, index: number, argumentsDelta: string): number | undefined;
  /** The counts in the order of the vocabulary; -1 for one that is absent. */
  usage(
    port: number,
    inputTokens: number,
    outputTokens: number,
    totalTokens: number,
    cacheReadInputTokens: number,
    cacheCreationInputTokens: number,
    reasoningTokens: number,
  ): number | undefined;
  /** A `done` that brings nothing. Never passes: it comes with the ending. */
  done(port: number): number;

  emitEvent(port: number, json: string): number;
  rejectEvent(port: number, path: string, message: string): number;
  overrun(port: number): number;
  failInternal(port: number, message: string): number;
  isClosed(port: number): boolean;

  hasDeliveries(callId: number): boolean;
  takeDeliveries(callId: number): string;
  stopReason(port: number): string;
  settle(port: number, outcomeJson?: string): number;
  resume(callId: number): number;
  stop(callId: number, causeJson: string): number;
  detach(callId: number): void;
  deadline(callId: number, waitedMs: number): number;
  giveUp(callId: number): number;
  hasBegun(callId: number): boolean;
  stepDelay(callId: number): number;
  ending(callId: number): string | null;
  /** JSON of an array in which a string is a text delta and a null at the end means EMPTY; or what `Drain` names. */
  drain(callId: number): string | number;
  release(callId: number): void;
}

export const native: Native = loadAddon(() => require('../native/index.js') as Native);

/** What the gate answered to one event: a code in the low three bits, and flags. */
export const Verdict = {
  PASS: 0,
  WITHHELD: 1,
  REPLACED: 2,
  REFUSED: 3,
  CLOSED: 4,
  CODE_MASK: 7,
  FULL: 8,
  STOPPED: 16,
} as const;

/** What a call does next; a number from zero up is the local runner to run. */
export const Step = { ENDED: -1, WAIT: -2, FOREIGN: -3, SEALING: -4 } as const;

/** What `stop` found. */
export const Stopped = { STOPPING: 0, OVER: 1, FOREIGN: 2, SEALING: 3 } as const;

/** What `deadline` answers when it is not a number of milliseconds. */
export const Deadline = { NONE: -1, TIMED_OUT: -2, SEALED: -3, SEALING: -4, WITHDRAWN: -5, GIVEN_UP: -6 } as const;

/** What `drain` answers when it is not a batch of events: none until READY is posted, or none any more. */
export const Drain = { EMPTY: -1, ENDED: -2 } as const;

/** What `currentRunner` answers when it is not a runner of this thread. */
export const Slot = { EMPTY: -1, ELSEWHERE: -2 } as const;

/** Kinds of mailbox messages. */
export const Mail = {
  RUN: 1,
  STOP: 2,
  DRAINED: 3,
  READY: 4,
  RUNNER_DROPPED: 5,
  SEALED: 6,
  OVER: 7,
  ANSWER: 8,
} as const;

/** The codes under which a panic of Rust arrives: from the hot calls, and from napi's own wrapper. */
const PANIC_CODES: ReadonlySet<unknown> = new Set(['car-inference.panic', 'GenericFailure']);

/** Whether something thrown is a panic of Rust that was caught at the boundary. */
export function isPanic(thrown: unknown): boolean {
  // Not `instanceof`: where a test runner gives this file globals of its own, the addon's errors are of other ones.
  return types.isNativeError(thrown) && PANIC_CODES.has((thrown as { code?: unknown }).code);
}

/** Whether something thrown says that what Rust wants to tell is too long for a JavaScript string. */
export function isTooLong(thrown: unknown): boolean {
  return types.isNativeError(thrown) && (thrown as { code?: unknown }).code === 'car-inference.too-long';
}

/** Why the last native function on this thread failed; undefined when it did not. */
export function takeFailure(): Failure | undefined {
  const json = native.takeFailure();
  return json === '' ? undefined : (JSON.parse(json) as Failure);
}
