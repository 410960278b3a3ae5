/** The engine: models, calls and the log behind one object. Checks nothing that Rust checks. */

import type { Completion, EngineOptions, GenerateRequest, ModelSchema } from '../native/types';
import { Call } from './call';
import { type GenerateOptions, readCallInput } from './call-input';
import { EngineHandle } from './engine-handle';
import { LogError } from './errors';
import { EventLog } from './event-log';
import { lastError } from './failure';
import { decodeJson, describe, messageOf } from './json';
import { isUrl } from './log-path';
import { type ModelInput, type ModelInputSource, splitModel, splitModels } from './model-input';
import { native } from './native';
import {
  checkContent,
  checkObject,
  type Fields,
  type GivenOptions,
  hasFields,
  invalid,
  optionsJson,
  readFields,
  unknownFields,
} from './options';
import { checkRunner, hintOf, type RunnerLike, type RunnerRegistration, type RunnerSlotOptions } from './runner';
import { TrackedStream } from './tracked-stream';
import { warn } from './warning';

/** Settings of an engine. Everything has a default. */
export interface InferenceEngineOptions extends Omit<EngineOptions, 'models'> {
  /**
   * The engine's own runner. It is tried before the runners of the process. With it, you can omit `models`, and requests
   * may name models that are not registered.
   */
  runner?: RunnerLike | undefined;
  /** The models that requests can name. A model's `source.runner` is tried before the engine's runner. */
  models?: ModelInput[] | undefined;
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
 *   runner: async function* (request, { signal }) {
 *     yield { type: 'text-delta', text: `You said: ${request.prompt}` };
 *   },
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
   * @param options `runner`: serves this engine's calls; by default the runners of the models and of the process do.
   *   `models`: the first models, each optionally with its own `source.runner`. `timeouts` in milliseconds (`null`
   *   disables one): `firstEventMs`, `idleMs` between events, `totalMs`, `graceMs` for a cancelled runner to stop.
   *   `limits`: bounds on buffered events and bytes. `retry`: attempts and backoff; none by default. `eventLog`: the path
   *   of a durable log, which is closed with the engine, or a log that `EventLog.open` has opened; in memory by default.
   *   `onLogFailure`: whether calls go on unrecorded when the log has failed; they are refused by default.
   * @throws InvalidRequestError listing every problem of the options; TypeError when a runner is not valid; LogError when
   *   the log cannot be opened.
   */
  constructor(options: InferenceEngineOptions = {}) {
    const { eventLog, json, modelRunners, runner } = readEngineOptions(options);
    const log = typeof eventLog === 'string' || isUrl(eventLog) ? openFor(json, eventLog) : eventLog;
    const id = native.createEngine(json, log === undefined ? undefined : EventLog.idOf(log));
    if (id < 0) throw lastError();
    this.#handle = new EngineHandle(id, json);
    this.#ownsLog = log !== eventLog;
    this.eventLog = log ?? EventLog.ofId(native.engineLog(id));
    if (modelRunners.length > 0) this.#giveRunners(json, modelRunners);
    if (runner !== undefined) this.#handle.runners.set(runner);
  }

  /** Registers the models that have runners again, this time with their runners. */
  #giveRunners(optionsJson: string, runners: Array<RunnerLike | undefined>): void {
    const { models } = decodeJson<{ models: ModelSchema[] }>(optionsJson);
    models.forEach((schema, at) => {
      const runner = runners[at];
      if (runner !== undefined) this.#register(JSON.stringify(schema), runner);
    });
  }

  #register(json: string, runner: RunnerLike | undefined): void {
    const id = decodeJson<{ id?: string } | null>(json)?.id ?? '';
    if (this.#handle.runners.registerModel(json, id, runner) < 0) throw lastError();
  }

  /**
   * The models of this engine: a copy, which you can pass to another engine. A model's own runner is its `source.runner`.
   */
  get models(): ModelSchema[] {
    const models = decodeJson<ModelSchema[]>(native.models(this.#handle.id));
    for (const { id, source } of models) {
      const runner = this.#handle.runners.ofModel(id);
      if (runner !== undefined) (source as ModelInputSource).runner = runner;
    }
    return models;
  }

  /**
   * Adds a model with its runner, or replaces the model with the same id and its runner.
   *
   * @throws InvalidRequestError listing every problem of the schema; TypeError when `source.runner` is not a runner.
   */
  registerModel(schema: ModelInput): void {
    const { runner, schema: rest } = splitModel(schema);
    if (runner !== undefined) checkRunner(runner, 'registerModel: source.runner');
    checkObject('model', '', rest);
    this.#register(optionsJson('model', rest), runner);
  }

  /**
   * Sets the engine's own runner, for all models or for models with one `hint`. The runner for a hint is tried first. Both
   * are tried before the runners of the process. Replaces the runner that was set before; a call in flight keeps the
   * runners it started with. `null` removes the runner.
   *
   * @param runner an object with `run(request, emitter)`, an async function, or an `async function*` that yields events.
   * @param options `hint`: set the runner only for models with this hint.
   * @returns a registration; disposing of it removes the runner unless another one has replaced it.
   * @throws TypeError when `runner` is not a runner or `null`, or `hint` is not a non-empty string; InvalidRequestError for
   *   an unknown option.
   *
   * @example
   * const registration = engine.setRunner(runner, { hint: 'openai' });
   */
  setRunner(runner: RunnerLike | null, options: RunnerSlotOptions = {}): RunnerRegistration {
    const hint = hintOf('setRunner', options);
    if (runner !== null) checkRunner(runner, 'setRunner: runner', 'an object with a run method, a function or null');
    return this.#handle.runners.set(runner, hint);
  }

  /**
   * A stream of the call's events. The request is taken down now; nothing runs before the first pull. Never throws: what
   * is wrong with the request is thrown by the first pull, or by `result()`.
   *
   * @param request `model` and `prompt` or `messages`, and the rest of `GenerateRequest`.
   * @param options `signal`, and `timeouts`, `limits`, `retry`, `runner` for this call.
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
   * Refuses new calls and resolves when none is in flight. While it drains, the runner of a call in flight may still make
   * calls (before Node 24 only until the runner's first `await`, unless the engine sets `limits.nestedCallsMax`). May be
   * called again; `'cancel'` after `'drain'` cancels what is still running. A log that the engine was given stays open, and its file holds everything; one that it was given the path of
   * is closed.
   *
   * A call is in flight from its first pull, `result()`, `generate()`, `started()` or `detach()` on. A stream without any of
   * these has not begun; after closing, its first pull throws an `EngineClosedError`.
   *
   * Awaiting `'drain'` inside one's own loop over a stream of this engine, or inside its runner, waits for itself.
   *
   * @param mode `'drain'` waits for the calls in flight, `'cancel'` cancels them (their consumers catch a
   *   `CancelledError`).
   * @throws TypeError when `mode` is neither.
   */
  async close(mode: CloseMode = 'drain'): Promise<void> {
    if (mode !== 'drain' && mode !== 'cancel') {
      const got = typeof mode === 'string' ? `a string, '${mode}'` : describe(mode);
      throw new TypeError(`close: mode must be 'drain' or 'cancel', got ${got}`);
    }
    // An accepted call is not refused, even if it has not begun yet.
    if (mode === 'drain') this.#handle.beginAccepted();
    this.#handle.close(mode);
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

  /**
   * Closes the engine at the end of an `await using` block. It waits for calls with `generate()`, `result()` or `detach()`.
   * It cancels streams that are only iterated, because they may never be read to the end.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const call of this.#handle.running()) {
      if (!call.isAnswerWanted) call.stop('engine', undefined, 'the engine was closed');
    }
    await this.close('drain');
  }
}

/** Opens a log for an engine of these options. Nothing is opened, nor made, when they are wrong. */
function openFor(optionsJson: string, pathOrUrl: string | URL): EventLog {
  const trial = native.createEngine(optionsJson);
  if (trial < 0) throw lastError();
  native.releaseEngine(trial);
  return EventLog.openNow(pathOrUrl);
}

const OPTIONS: Fields<InferenceEngineOptions> = {
  runner: 'host',
  models: 'json',
  eventLog: 'host',
  timeouts: 'json',
  limits: 'json',
  retry: 'json',
  onLogFailure: 'json',
};

interface EngineSettings {
  readonly eventLog: InferenceEngineOptions['eventLog'];
  readonly runner: RunnerLike | undefined;
  /** One entry per model when at least one model has a runner, else empty. */
  readonly modelRunners: Array<RunnerLike | undefined>;
  /** The options that Rust reads. */
  readonly json: string;
}

/**
 * @throws InvalidRequestError when they are not an object, or cannot be read; TypeError when a runner is not valid. Rust
 *   finds all other problems.
 */
function readEngineOptions(options: unknown): EngineSettings {
  const { host, json, unknown } = fieldsOf(options);
  const models = splitModels(json);
  const { eventLog, runner } = host;
  if (runner !== undefined) checkRunner(runner, 'InferenceEngine: runner');
  const modelRunners = models.map((model, at) => {
    if (model.runner === undefined) return undefined;
    checkRunner(model.runner, `InferenceEngine: models[${at}].source.runner`);
    return model.runner;
  });
  if (models.length > 0) json.models = models.map(({ schema }) => schema);
  if (eventLog === undefined || typeof eventLog === 'string' || isLog(eventLog) || isUrl(eventLog)) {
    return { eventLog, runner, modelRunners, json: optionsJson('engine options', json) };
  }
  throw invalid('engine options', [
    { path: 'eventLog', message: `expected a path, a URL or an EventLog, got ${describe(eventLog)}` },
    ...unknownFields(unknown, OPTIONS),
  ]);
}

function fieldsOf(options: unknown): GivenOptions<InferenceEngineOptions> {
  const given = plainOf(options);
  let fields: GivenOptions<InferenceEngineOptions>;
  try {
    fields = readFields(given as InferenceEngineOptions, OPTIONS);
  } catch (error) {
    throw unreadable(given, error);
  }
  checkContent('engine options', '', given, hasFields(fields));
  return fields;
}

/** The options, or what their `toJSON` makes of them. */
function plainOf(options: unknown): object {
  checkObject('engine options', '', options);
  let plain: unknown = options;
  try {
    const { toJSON } = options as { toJSON?: unknown };
    if (typeof toJSON === 'function') plain = toJSON.call(options, '');
  } catch (error) {
    throw unreadable(options, error);
  }
  checkObject('engine options', '', plain);
  return plain;
}

function unreadable(options: object, error: unknown): Error {
  // Encoding as JSON finds the field that threw.
  optionsJson('engine options', options);
  return invalid('engine options', [{ path: 'options', message: `cannot be read: ${messageOf(error)}` }]);
}

function isLog(value: unknown): value is EventLog {
  return typeof value === 'object' && value !== null && EventLog.isLog(value);
}
