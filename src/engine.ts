/** The engine: models, calls and the log behind one object. Checks nothing that Rust checks. */

import type { Completion, EngineOptions, GenerateRequest, ModelSchema } from '../native/types';
import { Call } from './call';
import { type GenerateOptions, invalid, readCallInput } from './call-input';
import { EngineHandle } from './engine-handle';
import { LogError } from './errors';
import { EventLog } from './event-log';
import { lastError } from './failure';
import { decodeJson, describe, encodeJson, JsonProblem, messageOf } from './json';
import { isUrl } from './log-path';
import { native } from './native';
import { TrackedStream } from './tracked-stream';
import { warn } from './warning';

/** Settings of an engine. Everything has a default. */
export interface InferenceEngineOptions extends EngineOptions {
  /** Where calls are recorded: the path of a durable log, or one that is open. Default: in memory. */
  eventLog?: string | URL | EventLog | undefined;
}

/** What happens to calls in flight when the engine closes. */
export type CloseMode = 'drain' | 'cancel';

/**
 * Owns the lifecycle of calls: which model, which runner, in what order events may come, how long, how much; and records
 * all of it.
 *
 * @example
 * const engine = new InferenceEngine({
 *   models: [{ id: 'gpt-5', source: { type: 'delegated', hint: 'openai' } }],
 *   timeouts: { firstEventMs: 30_000, idleMs: 20_000 },
 * });
 * const { text } = await engine.generate({ model: 'gpt-5', prompt: 'hi' });
 */
export class InferenceEngine {
  /** What the engine has recorded. */
  readonly eventLog: EventLog;
  readonly #handle: EngineHandle;
  /** Whether the log was opened for this engine, and is closed with it. */
  readonly #ownsLog: boolean;
  #closing: Promise<void> | undefined;

  /**
   * @param options `models`: the schemas to begin with. `timeouts` in milliseconds (`null` disables one): `firstEventMs`,
   *   `idleMs` between events, `totalMs`, `graceMs` for a cancelled runner to stop. `limits`: bounds on buffered events
   *   and bytes. `retry`: attempts and backoff; none by default. `eventLog`: the path of a durable log, which is closed with the
   *   engine, or one that `EventLog.open` has opened; in memory by default. `onLogFailure`: whether calls go on unrecorded when
   *   the log has failed; they are refused by default.
   * @throws InvalidRequestError listing every problem of the options; LogError when the log cannot be opened.
   */
  constructor(options: InferenceEngineOptions = {}) {
    const { eventLog, rest } = splitOptions(options);
    const json = encodeJson(rest);
    if (json instanceof JsonProblem) throw invalid([json]);
    const log = typeof eventLog === 'string' || isUrl(eventLog) ? openFor(json, eventLog) : eventLog;
    const id = native.createEngine(json, log === undefined ? undefined : EventLog.idOf(log));
    if (id < 0) throw lastError();
    this.#handle = new EngineHandle(id, json);
    this.#ownsLog = log !== eventLog;
    this.eventLog = log ?? new EventLog(native.engineLog(id));
  }

  /** The models this engine knows; a copy. */
  get models(): ModelSchema[] {
    return decodeJson<ModelSchema[]>(native.models(this.#handle.id));
  }

  /**
   * Adds a model, or replaces the one of the same id.
   *
   * @throws InvalidRequestError listing every problem of the schema.
   */
  registerModel(schema: ModelSchema): void {
    const json = encodeJson(schema);
    if (json instanceof JsonProblem) throw invalid([json]);
    if (native.registerModel(this.#handle.id, json) < 0) throw lastError();
  }

  /**
   * A stream of the call's events. The request is taken down now; nothing runs before the first pull. Never throws: what
   * is wrong with the request is thrown by the first pull, or by `result()`.
   *
   * @param request `model` and `prompt` or `messages`, and the rest of `GenerateRequest`.
   * @param options `signal`, and `timeouts`, `limits`, `retry` for this call.
   */
  generateTrackedStream(request: GenerateRequest, options?: GenerateOptions): TrackedStream {
    return new TrackedStream(new Call(this.#handle, readCallInput(request, options)));
  }

  /**
   * The folded result of a call.
   *
   * @throws the call's typed error, or the signal's own reason after an abort.
   * @example
   * const { text, toolCalls, usage } = await engine.generate({ model: 'gpt-5', prompt: 'hi' });
   */
  generate(request: GenerateRequest, options?: GenerateOptions): Promise<Completion> {
    return this.generateTrackedStream(request, options).result();
  }

  /**
   * Refuses new calls and resolves when none is in flight. May be called again; `'cancel'` after `'drain'` cancels what is
   * still running. A log that the engine was given stays open, and its file holds everything; one that it was given the path of
   * is closed.
   *
   * Awaiting `'drain'` inside one's own loop over a stream of this engine, or inside its runner, waits for itself.
   *
   * @param mode `'drain'` waits for the calls in flight, `'cancel'` cancels them (their consumers catch a
   *   `CancelledError`).
   * @throws TypeError when `mode` is neither.
   */
  async close(mode: CloseMode = 'drain'): Promise<void> {
    if (mode !== 'drain' && mode !== 'cancel') {
      throw new TypeError(`close: mode must be 'drain' or 'cancel', got ${describe(mode)}`);
    }
    native.closeEngine(this.#handle.id);
    if (mode === 'cancel') {
      for (const call of this.#handle.running()) call.stop('engine', undefined, 'the engine was closed');
    }
    this.#closing ??= this.#settle();
    await this.#closing;
  }

  async #settle(): Promise<void> {
    await this.#handle.idle();
    if (this.#ownsLog) await this.eventLog.close();
    else if (this.eventLog.path !== undefined && this.eventLog.failure === undefined) await this.#settleLog();
  }

  /** Somebody who reads the log keeps its write-ahead log: no reason to fail, and one to say so. */
  async #settleLog(): Promise<void> {
    try {
      await this.eventLog.settle();
    } catch (error) {
      if (!(error instanceof LogError) || error.reason !== 'locked') throw error;
      warn(error);
    }
  }

  /** Closes with `'cancel'`: at the end of an `await using` block nobody consumes the streams any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close('cancel');
  }
}

/** Opens a log for an engine of these options. Nothing is opened, nor made, when they are wrong. */
function openFor(optionsJson: string, pathOrUrl: string | URL): EventLog {
  const trial = native.createEngine(optionsJson);
  if (trial < 0) throw lastError();
  native.releaseEngine(trial);
  return EventLog.openNow(pathOrUrl);
}

function splitOptions(options: unknown): { eventLog: string | URL | EventLog | undefined; rest: unknown } {
  const { eventLog, rest } = takeApart(options);
  if (eventLog === undefined || typeof eventLog === 'string' || isLog(eventLog) || isUrl(eventLog))
    return { eventLog, rest };
  throw invalid([{ path: 'eventLog', message: `expected a path, a URL or an EventLog, got ${describe(eventLog)}` }]);
}

function takeApart(options: unknown): { eventLog: unknown; rest: unknown } {
  try {
    if (typeof options !== 'object' || options === null || !('eventLog' in options))
      return { eventLog: undefined, rest: options };
    const { eventLog, ...rest } = options as InferenceEngineOptions;
    return { eventLog, rest };
  } catch (error) {
    throw invalid([{ path: 'options', message: `cannot be read: ${messageOf(error)}` }]);
  }
}

function isLog(value: unknown): value is EventLog {
  return typeof value === 'object' && value !== null && EventLog.isLog(value);
}
