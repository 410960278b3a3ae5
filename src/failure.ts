/** From the failure that Rust describes to the error a consumer catches. The one place that knows both. */

import type { Completion, Failure } from '../native/types';
import { otherAddonsNote } from './copies';
import {
  CancelledError,
  EngineClosedError,
  InferenceError,
  type InferenceErrorOptions,
  InternalError,
  InvalidRequestError,
  LimitExceededError,
  LogError,
  ModelNotFoundError,
  NoRunnerError,
  PolicyDeniedError,
  ProtocolError,
  TimeoutError,
} from './errors';
import { takeFailure } from './native';
import { RunnerDeclinedError, type RunnerErrorOptions, RunnerFailedError } from './runner-errors';

const HOW_TO_REGISTER =
  'give the engine one with new InferenceEngine({ runner }) or engine.setRunner(runner), or the process with ' +
  "setInferenceRunner(runner); for one hint, pass { hint: '…' } as the second argument";

/** What of the call goes into its error. */
export interface FailureContext {
  completion?: Completion | undefined;
  /** The values of this thread that Rust knows by number. */
  causes?: ReadonlyMap<number, unknown> | undefined;
}

export function errorFrom(failure: Failure, { completion, causes }: FailureContext = {}): InferenceError {
  const options: InferenceErrorOptions = { retryable: failure.retryable };
  if (completion !== undefined) {
    options.traceId = completion.traceId;
    if (completion.text !== '') options.text = completion.text;
    if (completion.usage !== undefined && completion.usage !== null) options.usage = completion.usage;
  }
  const { message } = failure;
  switch (failure.code) {
    case 'runner-declined':
      return new RunnerDeclinedError(message, runnerOptions(failure, options, causes));
    case 'runner-failed':
      return new RunnerFailedError(message, runnerOptions(failure, options, causes));
    case 'cancelled': {
      const causeId = failure.cancel?.causeId ?? undefined;
      if (causeId !== undefined && causes?.has(causeId)) options.cause = causes.get(causeId);
      return new CancelledError(message, options);
    }
    case 'timeout':
      return new TimeoutError(message, {
        ...options,
        kind: failure.timeout?.kind ?? 'total',
        timeoutMs: failure.timeout?.ms ?? 0,
      });
    case 'invalid-request':
      return new InvalidRequestError(message, { ...options, problems: failure.problems ?? [] });
    case 'protocol':
      return new ProtocolError(message, { ...options, problems: failure.problems ?? [] });
    case 'no-runner':
      return new NoRunnerError(`${message}; ${HOW_TO_REGISTER}${otherAddonsNote()}`, options);
    case 'model-not-found':
      return new ModelNotFoundError(message, options);
    case 'policy-denied':
      return new PolicyDeniedError(message, {
        ...options,
        point: failure.policy?.point,
        policyId: failure.policy?.policyId ?? undefined,
      });
    case 'limit-exceeded':
      return new LimitExceededError(message, { ...options, limit: failure.limit?.name, max: failure.limit?.max });
    case 'log-failed':
      return new LogError(message, { ...options, reason: failure.log ?? undefined });
    case 'engine-closed':
      return new EngineClosedError(message, options);
    case 'internal':
      return new InternalError(message, options);
    default:
      // A code that a newer addon knows and this file does not.
      return new InferenceError(failure.code, message, options);
  }
}

/** The error of the native function that just failed. */
export function lastError(): InferenceError {
  const failure = takeFailure();
  return failure === undefined ? new InternalError('a native function failed without a reason') : errorFrom(failure);
}

function runnerOptions(
  failure: Failure,
  base: InferenceErrorOptions,
  causes: ReadonlyMap<number, unknown> | undefined,
): RunnerErrorOptions {
  const { runner } = failure;
  if (runner === undefined || runner === null) return base;
  const options: RunnerErrorOptions = {
    ...base,
    status: runner.status ?? undefined,
    providerCode: runner.code ?? undefined,
    requestId: runner.requestId ?? undefined,
    retryAfterMs: runner.retryAfterMs ?? undefined,
    body: runner.body ?? undefined,
    attempt: runner.attempt,
  };
  const causeId = runner.causeId ?? undefined;
  if (causeId !== undefined && causes?.has(causeId)) options.cause = causes.get(causeId);
  else options.cause = copyOfCause(runner, failure.message);
  return options;
}

/** Objects do not cross realms: what another thread threw arrives as a plain error that says the same. */
function copyOfCause(runner: NonNullable<Failure['runner']>, fallback: string): Error {
  const cause = new Error(runner.message ?? fallback);
  if (typeof runner.name === 'string') define(cause, 'name', runner.name);
  if (typeof runner.stack === 'string') define(cause, 'stack', runner.stack);
  if (typeof runner.code === 'string') define(cause, 'code', runner.code);
  let outer = cause;
  for (const { message, name, code } of runner.causes ?? []) {
    const inner = new Error(message);
    if (typeof name === 'string') define(inner, 'name', name);
    if (typeof code === 'string') define(inner, 'code', code);
    Object.defineProperty(outer, 'cause', { value: inner, configurable: true, writable: true });
    outer = inner;
  }
  return cause;
}

function define(error: Error, key: string, value: string): void {
  Object.defineProperty(error, key, { value, configurable: true, writable: true });
}
