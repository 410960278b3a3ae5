/** What a caller asked for, taken down as JSON at once: changing the request later changes nothing. Judges only shapes. */

import type { GenerateRequest, LimitOverrides, Problem, RetryOverrides, TimeoutOverrides } from '../native/types';
import { InvalidRequestError } from './errors';
import { decodeJson, describe, encodeJson, encodeOptions, JsonProblem, messageOf } from './json';
import { native } from './native';
import { type Fields, invalid, optionsJson, readOptions, unknownFields } from './options';
import { checkRunner, type RunnerLike } from './runner';

/** Options of one call. */
export interface GenerateOptions {
  /** Aborting it cancels the call; the consumer then catches the signal's own reason, as with `fetch`. */
  signal?: AbortSignal | undefined;
  /** Timeouts in milliseconds that replace the engine's, field by field; `null` disables one. */
  timeouts?: TimeoutOverrides | undefined;
  /** Bounds that replace the engine's, field by field. */
  limits?: LimitOverrides | undefined;
  /** How a failed attempt is tried again; replaces the engine's way, field by field. */
  retry?: RetryOverrides | undefined;
  /** A runner for this call only. It is tried first, for each of the call's models. */
  runner?: RunnerLike | undefined;
}

export interface CallInput {
  readonly requestJson: string;
  readonly optionsJson: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Held here as long as the call exists. */
  readonly runner: RunnerLike | undefined;
  /** Whether the caller set a timeout for the runner. */
  readonly setsTimeouts: boolean;
  /** Why there is nothing to open. */
  readonly error: InvalidRequestError | TypeError | undefined;
  /** The model the request names. */
  readonly model: string;
}

const OPTIONS: Fields<GenerateOptions> = {
  signal: 'host',
  runner: 'host',
  timeouts: 'json',
  limits: 'json',
  retry: 'json',
};

export function readCallInput(request: unknown, options: unknown): CallInput {
  const failures: InvalidRequestError[] = [];
  const requestJson = taken(failures, () => readRequest(request));
  const { signal, json, runner } =
    (options === undefined ? undefined : taken(failures, () => readOptionsOf(options))) ?? {};
  const runnerError = runner === undefined ? undefined : errorOfRunner(runner);
  return {
    requestJson: requestJson ?? '',
    optionsJson: json,
    signal,
    runner,
    setsTimeouts: json !== undefined && setsTimeouts(json),
    error: joined(failures) ?? runnerError,
    model: modelOf(request),
  };
}

function errorOfRunner(runner: unknown): TypeError | undefined {
  try {
    checkRunner(runner, 'options.runner');
    return undefined;
  } catch (error) {
    return error as TypeError;
  }
}

function readRequest(request: unknown): string {
  if (typeof request !== 'object' || request === null) {
    const message = `expected an object such as { prompt: 'hi' }, got ${describe(request)}`;
    throw invalid('request', [{ path: '', message }]);
  }
  const given = withoutStrangers(request);
  const json = encodeJson(given);
  if (typeof json === 'string' && !hasFunctions(request)) return json;
  // Rust knows the fields, so it says whether the field or only its value is wrong.
  const marked = encodeOptions(given);
  if (marked instanceof JsonProblem) throw invalid('request', [marked]);
  const problems = decodeJson<Problem[]>(native.requestProblems(marked));
  if (problems.length === 0) return marked;
  throw invalid('request', problems);
}

/** The parts of a request that hold only fields of ours. */
const PARTS = ['params', 'messages', 'images', 'tools', 'responseFormat'] as const;

/**
 * Whether a part of the request has a field that is a function or a symbol. JSON would leave such a field out. Where any
 * JSON is allowed, as in `providerOptions` and in a provider's own tools, that is what happens.
 */
function hasFunctions(request: object): boolean {
  try {
    return PARTS.some((part) => holdsFunction((request as Record<string, unknown>)[part], part));
  } catch {
    return false; // A getter that throws only the second time.
  }
}

/** Fields that may hold any JSON. */
const ANY_JSON = new Set(['providerOptions', 'parameters', 'schema', 'arguments', 'items']);

function holdsFunction(value: unknown, part: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some((item) => holdsFunction(item, part));
  if ('toJSON' in value || (part === 'tools' && isProviderTool(value))) return false;
  return Object.keys(value).some((name) => {
    const field = (value as Record<string, unknown>)[name];
    if (typeof field === 'function' || typeof field === 'symbol') return true;
    return typeof field === 'object' && !ANY_JSON.has(name) && holdsFunction(field, name);
  });
}

function isProviderTool(tool: object): boolean {
  const type = (tool as { type?: unknown }).type;
  return type !== undefined && type !== 'function';
}

/** Every field of a request. A request without other fields is encoded unchanged. */
const REQUEST: Record<keyof GenerateRequest, true> = {
  prompt: true,
  model: true,
  fallbackModels: true,
  params: true,
  context: true,
  messages: true,
  images: true,
  tools: true,
  responseFormat: true,
  clientRef: true,
  conversationId: true,
  parentTraceId: true,
  tags: true,
  providerOptions: true,
};

/**
 * The request, with `null` for each unknown field, so that Rust reports the field. Encoding the value itself could fail
 * first, for example for a signal or a function, and that error would hide the real problem.
 */
function withoutStrangers(request: unknown): unknown {
  if (typeof request !== 'object' || request === null) return request;
  let strangers: string[];
  try {
    strangers = Object.keys(request).filter((name) => !Object.hasOwn(REQUEST, name));
    if (strangers.length === 0 || Array.isArray(request) || 'toJSON' in request) return request;
  } catch {
    return request; // A proxy that throws does so again during encoding, which reports the path.
  }
  const copy: Record<string, unknown> = {};
  for (const name of Object.keys(request)) {
    const isStranger = strangers.includes(name);
    // Read during encoding, and once, so that the error of a getter that throws has the path.
    const get = () => (request as Record<string, unknown>)[name];
    Object.defineProperty(copy, name, {
      enumerable: true,
      get: isStranger ? () => (get() === undefined ? undefined : null) : get,
    });
  }
  return copy;
}

interface OptionsRead {
  readonly signal: AbortSignal | undefined;
  readonly runner: RunnerLike | undefined;
  readonly json: string | undefined;
}

function readOptionsOf(options: unknown): OptionsRead {
  if (isReadableSignal(options)) {
    const message = 'must be an object with options, got an AbortSignal; pass { signal }';
    throw invalid('call options', [{ path: 'options', message }]);
  }
  const { host, json, unknown } = readOptions('call options', 'options', options, OPTIONS);
  const { runner, signal } = host;
  const wrong = signal === undefined ? undefined : wrongSignal(signal);
  // Rust will not see these options, so its list of unknown fields is added here.
  if (wrong !== undefined) throw invalid('call options', [wrong, ...unknownFields(unknown, OPTIONS)]);
  return { signal, runner, json: Object.keys(json).length === 0 ? undefined : optionsJson('call options', json) };
}

/** The result of `read`; a failure is kept for the first pull. */
function taken<T>(failures: InvalidRequestError[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InvalidRequestError)) throw error;
    failures.push(error);
    return undefined;
  }
}

function joined(failures: readonly InvalidRequestError[]): InvalidRequestError | undefined {
  if (failures.length < 2) return failures[0];
  return new InvalidRequestError(failures.map(({ message }) => message).join('; '), {
    problems: failures.flatMap(({ problems }) => problems),
  });
}

/** The model that the request names, for as long as no call is open that knows it. */
function modelOf(request: unknown): string {
  try {
    const model = (request as { model?: unknown } | null)?.model;
    return typeof model === 'string' ? model : '';
  } catch {
    return ''; // A getter that throws only the second time.
  }
}

/** Whether options set one of the clocks that run against the runner. Reads their JSON: they may read differently now. */
export function setsTimeouts(optionsJson: string): boolean {
  const options = decodeJson<{ timeouts?: TimeoutOverrides | null } | null>(optionsJson);
  const { firstEventMs, idleMs, totalMs } = options?.timeouts ?? {};
  return [firstEventMs, idleMs, totalMs].some((ms) => typeof ms === 'number');
}

/** Whether options bound how deep calls nest. */
export function setsNestedCallsMax(optionsJson: string): boolean {
  return decodeJson<{ limits?: LimitOverrides | null } | null>(optionsJson)?.limits?.nestedCallsMax !== undefined;
}

/** A signal that looked like one when it was given, and cannot be read any more. */
export function unreadableSignal(error: unknown): InvalidRequestError {
  return invalid('call options', [{ path: 'signal', message: `cannot be read: ${messageOf(error)}` }]);
}

function wrongSignal(signal: unknown): Problem | undefined {
  try {
    if (isSignal(signal)) return undefined;
    const isController = isSignal((signal as { signal?: unknown } | null)?.signal);
    const got = isController ? 'an AbortController; pass its `signal`' : describe(signal);
    return { path: 'signal', message: `must be an AbortSignal, got ${got}` };
  } catch (error) {
    return { path: 'signal', message: `cannot be read: ${messageOf(error)}` };
  }
}

function isReadableSignal(value: unknown): boolean {
  try {
    return isSignal(value);
  } catch {
    return false;
  }
}

function isSignal(value: unknown): value is AbortSignal {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as AbortSignal).aborted === 'boolean' &&
    typeof (value as AbortSignal).addEventListener === 'function' &&
    typeof (value as AbortSignal).removeEventListener === 'function'
  );
}
