/** What a caller asked for, taken down as JSON at once: changing the request later changes nothing. Judges only shapes. */

import type { LimitOverrides, Problem, RetryOverrides, TimeoutOverrides } from '../native/types';
import { InvalidRequestError } from './errors';
import { describe, encodeJson, JsonProblem, messageOf } from './json';

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
}

export interface CallInput {
  readonly requestJson: string;
  readonly optionsJson: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Whether the caller set a timeout for the runner. */
  readonly setsTimeouts: boolean;
  /** Why there is nothing to open. */
  readonly error: InvalidRequestError | undefined;
  /** The model the request names. */
  readonly model: string;
}

export function readCallInput(request: unknown, options: unknown): CallInput {
  const problems: Problem[] = [];
  const requestJson = encodeJson(request, 'request');
  if (requestJson instanceof JsonProblem) problems.push({ path: requestJson.path, message: requestJson.message });

  let signal: AbortSignal | undefined;
  let optionsJson: string | undefined;
  let timeouts: unknown;
  if (typeof options !== 'object' || options === null) {
    if (options !== undefined) {
      problems.push({ path: 'options', message: `must be an object, got ${describe(options)}` });
    }
  } else {
    try {
      const { signal: given, timeouts: times, limits, retry } = options as GenerateOptions;
      if (given === undefined || isSignal(given)) signal = given;
      else problems.push({ path: 'options.signal', message: `must be an AbortSignal, got ${describe(given)}` });
      timeouts = times;
      if (timeouts !== undefined || limits !== undefined || retry !== undefined) {
        const json = encodeJson({ timeouts, limits, retry }, 'options');
        if (json instanceof JsonProblem) problems.push({ path: json.path, message: json.message });
        else optionsJson = json;
      }
    } catch (error) {
      // A getter or a proxy that throws.
      problems.push({ path: 'options', message: `cannot be read: ${messageOf(error)}` });
    }
  }
  return {
    requestJson: typeof requestJson === 'string' ? requestJson : '',
    optionsJson,
    signal,
    setsTimeouts: optionsJson !== undefined && setsTimeouts(timeouts),
    error: problems.length === 0 ? undefined : invalid(problems),
    model: modelOf(request),
  };
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

/** Whether one of the clocks that run against the runner is set. */
export function setsTimeouts(timeouts: unknown): boolean {
  if (typeof timeouts !== 'object' || timeouts === null) return false;
  const { firstEventMs, idleMs, totalMs } = timeouts as TimeoutOverrides;
  return [firstEventMs, idleMs, totalMs].some((ms) => typeof ms === 'number');
}

export function invalid(problems: readonly Problem[]): InvalidRequestError {
  const list = problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
  return new InvalidRequestError(`invalid request: ${list}`, { problems });
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
