/** Reading what an engine's log has recorded. */

import type { CallFilter, CallRecord, LoggedEvent } from '../native/types';
import { invalid } from './call-input';
import type { EngineHandle } from './engine-handle';
import { LogError } from './errors';
import { errorFrom, lastError } from './failure';
import { decodeJson, describe, encodeJson, JsonProblem, messageOf } from './json';
import { isTooLong, native, takeFailure } from './native';

/**
 * What the engine has recorded: every call with its start, events, verdicts and ending.
 *
 * @example
 * for await (const { at, event } of engine.eventLog.events(stream.traceId)) console.log(at, event);
 */
export class EventLog {
  readonly #engine: EngineHandle;

  /** Logs come from `engine.eventLog`. @internal */
  constructor(engine: EngineHandle) {
    this.#engine = engine;
  }

  /**
   * One call's record.
   *
   * @returns undefined when the log knows no such call.
   * @throws LogError when the log cannot be read; TypeError when `traceId` is not a string.
   */
  async call(traceId: string): Promise<CallRecord | undefined> {
    const json = read(() => native.logCall(this.#engine.id, checkTraceId(traceId)));
    return typeof json === 'string' ? decodeJson<CallRecord>(json) : absent();
  }

  /**
   * One call's events in order, each with its sequence number, time (ms since the epoch) and attempt. Empty when the log
   * knows no such call.
   *
   * @throws LogError when the log cannot be read; TypeError when `traceId` is not a string.
   */
  async *events(traceId: string): AsyncGenerator<LoggedEvent, void, undefined> {
    const json = read(() => native.logEvents(this.#engine.id, checkTraceId(traceId)));
    if (typeof json === 'string') yield* decodeJson<LoggedEvent[]>(json);
    else absent();
  }

  /**
   * The calls, newest first.
   *
   * @throws LogError when the log cannot be read; InvalidRequestError when the filter is not valid.
   */
  async *calls(filter: CallFilter = {}): AsyncGenerator<CallRecord, void, undefined> {
    const json = encodeJson(filter);
    if (json instanceof JsonProblem) throw invalid([json]);
    const records = read(() => native.logCalls(this.#engine.id, json));
    if (typeof records !== 'string') throw lastError();
    yield* decodeJson<CallRecord[]>(records);
  }
}

function read(run: () => string | null): string | null {
  try {
    return run();
  } catch (error) {
    throw isTooLong(error) ? new LogError(`the log cannot be read: ${messageOf(error)}`, { cause: error }) : error;
  }
}

function absent(): undefined {
  const failure = takeFailure();
  if (failure !== undefined) throw errorFrom(failure);
  return undefined;
}

function checkTraceId(traceId: unknown): string {
  if (typeof traceId !== 'string') throw new TypeError(`traceId must be a string, got ${describe(traceId)}`);
  return traceId;
}
