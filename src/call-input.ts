/** What a caller asked for, taken down as JSON at once: changing the request later changes nothing. Judges only shapes. */

import type { LimitOverrides, Problem, RetryOverrides, TimeoutOverrides } from '../native/types';
import { InvalidRequestError } from './errors';
import { decodeJson, describe, encodeJson, JsonProblem, messageOf } from './json';
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
  /** The runner of this call alone. It is asked first, for each of the call's models. */
  runner?: RunnerLike | undefined;
}

export interface CallInput {
  readonly requestJson: string;
  readonly optionsJson: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Held here for as long as the call is. */
  readonly runner: RunnerLike | undefined;
  /** Whether the caller set a timeout for the runner. */
  readonly setsTimeouts: boolean;
  /** Why there is nothing to open. */
  readonly error: InvalidRequestError | TypeError | undefined;
  /** The model the request names. */
  readonly model: string;
}

export function readCallInput(request: unknown, options: unknown): CallInput {
  const problems: Problem[] = [];
  const requestJson = encodeJson(request);
  if (requestJson instanceof JsonProblem) problems.push({ path: requestJson.path, message: requestJson.message });

  let signal: AbortSignal | undefined;
  let optionsJson: string | undefined;
  let runner: unknown;
  if (typeof options !== 'object' || options === null) {
    if (options !== undefined) {
      problems.push({ path: 'options', message: `must be an object, got ${describe(options)}` });
    }
  } else {
    try {
      const { signal: given, timeouts, limits, retry, runner: own } = options as GenerateOptions;
      runner = own;
      if (given === undefined || isSignal(given)) signal = given;
      else problems.push({ path: 'signal', message: `must be an AbortSignal, got ${describe(given)}` });
      if (timeouts !== undefined || limits !== undefined || retry !== undefined) {
        const json = encodeJson({ timeouts, limits, retry });
        if (json instanceof JsonProblem) problems.push({ path: json.path, message: json.message });
        else optionsJson = json;
      }
    } catch (error) {
      // A getter or a proxy that throws.
      problems.push({ path: 'options', message: `cannot be read: ${messageOf(error)}` });
    }
  }
  const runnerError = runner === undefined ? undefined : errorOfRunner(runner);
  return {
    requestJson: typeof requestJson === 'string' ? requestJson : '',
    optionsJson,
    signal,
    runner: runner as RunnerLike | undefined,
    setsTimeouts: optionsJson !== undefined && setsTimeouts(optionsJson),
    error: problems.length === 0 ? runnerError : invalid(problems),
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
  return invalid([{ path: 'signal', message: `cannot be read: ${messageOf(error)}` }]);
}

export function invalid(problems: readonly Problem[]): InvalidRequestError {
  const list = problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
  return new InvalidRequestError(`invalid request: ${list}`, {
    problems: problems.map(({ path, message }) => ({ path, message })),
  });
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
