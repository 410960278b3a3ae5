/** The errors a runner ends with: declined (let another one try) or failed. Runner authors may throw them. */

import type { JsonValue } from '../native/types';
import { InferenceError, type InferenceErrorOptions, mark } from './errors';
import { read } from './thrown-values';

/** What a runner may tell about its failure. */
export interface RunnerErrorOptions extends InferenceErrorOptions {
  /** The provider's HTTP status. */
  status?: number | undefined;
  /** The provider's or the client library's own code, such as `rate_limit_exceeded` or `ECONNREFUSED`. */
  providerCode?: string | undefined;
  /** The provider's id of the request, for its support. */
  requestId?: string | undefined;
  /** How long the provider asked to wait, in milliseconds. */
  retryAfterMs?: number | undefined;
  /** The provider's error body. */
  body?: JsonValue | undefined;
  /** Which attempt of the call it was, from 1. Set by the engine. */
  attempt?: number | undefined;
}

/** The runner did not produce the answer. Base of `RunnerDeclinedError` and `RunnerFailedError`. */
export abstract class RunnerError extends InferenceError {
  /** The provider's HTTP status, when there was one. */
  declare readonly status?: number;
  /** The provider's or the client library's own code, such as `rate_limit_exceeded` or `ECONNREFUSED`. */
  declare readonly providerCode?: string;
  /** The provider's id of the request, for its support. */
  declare readonly requestId?: string;
  /** How long the provider asked to wait, in milliseconds. */
  declare readonly retryAfterMs?: number;
  /** The provider's error body, at most 64 KiB of JSON. */
  declare readonly body?: JsonValue;
  /** Which attempt of the call it was, from 1. */
  declare readonly attempt?: number;

  constructor(code: 'runner-declined' | 'runner-failed', message: string, options: RunnerErrorOptions = {}) {
    super(code, message, options);
    if (options.status !== undefined) this.status = options.status;
    if (options.providerCode !== undefined) this.providerCode = options.providerCode;
    if (options.requestId !== undefined) this.requestId = options.requestId;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
    if (options.body !== undefined) this.body = options.body;
    if (options.attempt !== undefined) this.attempt = options.attempt;
  }

  static {
    mark(this, 'RunnerError');
  }
}

/**
 * The runner does not serve this request; the next candidate is tried. Throw it before emitting anything.
 *
 * @example
 * throw new RunnerDeclinedError('no API key for this tenant', { status: 401 });
 */
export class RunnerDeclinedError extends RunnerError {
  constructor(message: string, options: RunnerErrorOptions = {}) {
    super('runner-declined', message, options);
  }

  static {
    mark(this, 'RunnerDeclinedError');
  }
}

/** Marks an error whose author did not say whether a retry may help. All copies of the package know it. */
const RETRYABLE_OPEN = Symbol.for('car-inference.retryable-open');

/**
 * The runner tried and failed. Whatever a runner throws, apart from `RunnerDeclinedError`, arrives as this.
 *
 * When a runner throws one without `retryable`, its `status`, `providerCode` and `cause` decide, as for any other error.
 */
export class RunnerFailedError extends RunnerError {
  constructor(message: string, options: RunnerErrorOptions = {}) {
    super('runner-failed', message, options);
    if (options.retryable === undefined) Object.defineProperty(this, RETRYABLE_OPEN, { value: true });
  }

  static {
    mark(this, 'RunnerFailedError');
  }
}

/** Whether the error is a `RunnerFailedError` whose `retryable` is only the default. @internal */
export function leavesRetryableOpen(error: object): boolean {
  return read(error, RETRYABLE_OPEN) === true;
}
