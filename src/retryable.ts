/**
 * Whether an error or its SDK says that a retry may help. Undefined if only the HTTP status can tell: Rust decides that
 * (`FailureDetails::may_retry`).
 */

import { leavesRetryableOpen } from './runner-errors';
import { read } from './thrown-values';

/** What is known about an error. */
export interface RetryFacts {
  error: object;
  name: string | undefined;
  code: string | undefined;
  status: number | undefined;
  isGrpc: boolean;
  /** The header by which OpenAI and Anthropic tell their SDKs what to do. */
  shouldRetry: string | undefined;
}

/** CANCELLED, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, FAILED_PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED, DATA_LOSS, UNAUTHENTICATED: https://grpc.io/docs/guides/status-codes/ */
const GRPC_PERMANENT = new Set(['1', '3', '5', '6', '7', '9', '11', '12', '15', '16']);

/** Codes of errors that the same request would get again, whatever the status: an empty account gets a 429. */
const PERMANENT = new Set([
  // OpenAI and Anthropic
  'authentication_error',
  'permission_error',
  'not_found_error',
  'request_too_large',
  'billing_error',
  'insufficient_quota',
  'invalid_api_key',
  'context_length_exceeded',
  'content_filter',
  // Google
  'INVALID_ARGUMENT',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'NOT_FOUND',
  'FAILED_PRECONDITION',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  // HTTP clients: a request that cannot be sent, an invalid certificate, an abort by the caller
  'ERR_INVALID_URL',
  'ERR_BAD_OPTION',
  'ERR_BAD_OPTION_VALUE',
  'ERR_UNSUPPORTED_PROTOCOL',
  'ERR_CANCELED',
  'ABORT_ERR',
  'UND_ERR_ABORTED',
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/** So general a word that the status says more: some services use it for everything, a 429 too. */
const INVALID_REQUEST = 'invalid_request_error';

/** The same, by the name of the error's class. */
const PERMANENT_NAMES = new Set([
  'AbortError',
  'APIUserAbortError',
  'CancelError',
  'CanceledError',
  'CredentialsProviderError',
  'AI_InvalidArgumentError',
  'AI_InvalidPromptError',
  'AI_LoadAPIKeyError',
  'AI_LoadSettingError',
  'AI_NoSuchModelError',
  'AI_NoSuchProviderError',
  'AI_UnsupportedFunctionalityError',
  'AI_UnsupportedModelVersionError',
]);

/** AWS exceptions that are transient, whatever their status. */
const AWS_TRANSIENT =
  /^(?:Throttl|TooManyRequests|ProvisionedThroughputExceeded|RequestLimitExceeded|BandwidthLimitExceeded|SlowDown|ModelNotReady|ModelStreamError|ModelTimeout|RequestTimeout|InternalServer|ServiceUnavailable|TransactionInProgress|PriorRequestNotComplete)/i;

/** Whether the status alone tells about a retry. A status below 400 does not: it began an answer that broke off. */
export function isErrorStatus(status: number | undefined): boolean {
  return status !== undefined && status >= 400 && status <= 599;
}

export function isRetryable({ error, name, code, status, isGrpc, shouldRetry }: RetryFacts): boolean | undefined {
  const stated = read(error, 'retryable');
  if (typeof stated === 'boolean' && !leavesRetryableOpen(error)) return stated;
  const ofSdk = read(error, 'isRetryable');
  if (ofSdk === false) return false;
  if (shouldRetry === 'true' || shouldRetry === 'false') return shouldRetry === 'true';
  if (name !== undefined && PERMANENT_NAMES.has(name)) return false;
  if (read(error, 'isCanceled') === true || read(error, 'reason') === 'abort') return false;
  if (code !== undefined && PERMANENT.has(code)) return false;
  // The AI SDK says so of each 429, also of one that will not pass.
  if (ofSdk === true) return true;
  if (isGrpc) return code === undefined ? undefined : !GRPC_PERMANENT.has(code);
  const fault = read(error, '$fault');
  if (fault !== undefined) {
    const isTransient = typeof read(error, '$retryable') === 'object' || AWS_TRANSIENT.test(name ?? '');
    if (isTransient) return true;
    return isErrorStatus(status) ? undefined : fault !== 'client';
  }
  return code === INVALID_REQUEST && !isErrorStatus(status) ? false : undefined;
}
