/**
 * Reads the provider's failure (status, code, request id, …) from an error of the usual SDKs and HTTP clients: OpenAI and
 * Anthropic (and the SDKs that Stainless, Fern and Speakeasy generate), Google, the AI SDK, AWS, Azure, axios, gaxios, got,
 * ky, ollama, undici and gRPC. All are read in one place, because they mainly differ in property names. Reads one error;
 * `error-chain.ts` finds the causes of an error.
 */

import { types } from 'node:util';
import { epochMs, parseDate } from './clock';
import { InferenceError } from './errors';
import { isErrorStatus, isRetryable } from './retryable';
import {
  bounded,
  header,
  isDomException,
  jsonIn,
  plainJson,
  read,
  readDate,
  readList,
  readPath,
  readText,
} from './thrown-values';

/** Facts that one error states. A fact that it does not state is absent. */
export interface ProviderFailure {
  status?: number;
  code?: string;
  requestId?: string;
  retryAfterMs?: number;
  retryable?: boolean;
  body?: unknown;
}

const CODE_MAX = 256;
const RETRY_AFTER_MAX_MS = 7 * 24 * 60 * 60 * 1000;

/** Properties in which clients keep the HTTP response, or an object with parts of it. */
const RESPONSES = ['response', 'rawResponse', 'httpResponse', '$response', 'httpMeta', 'res'];
/** Response headers that name the request, most specific first. */
const REQUEST_ID_HEADERS = [
  'x-request-id', // OpenAI, Groq, Mistral, Together
  'request-id', // Anthropic
  'x-amzn-requestid', // AWS
  'x-amz-request-id',
  'apim-request-id', // Azure OpenAI
  'x-ms-request-id',
  'x-goog-request-id',
  'x-generation-id', // OpenRouter
];

export function providerFailureOf(error: object): ProviderFailure {
  const view = new ErrorView(error);
  const failure: ProviderFailure = {};
  const status = statusOf(view);
  if (status !== undefined) failure.status = status;
  const code = codeOf(view, status);
  if (code !== undefined) failure.code = bounded(code, CODE_MAX);
  const requestId = requestIdOf(view);
  if (requestId !== undefined) failure.requestId = bounded(requestId, CODE_MAX);
  const retryAfterMs = retryAfterMsOf(view);
  if (retryAfterMs !== undefined) failure.retryAfterMs = Math.min(Math.ceil(retryAfterMs), RETRY_AFTER_MAX_MS);
  const retryable = isRetryable({
    error,
    name: nameOf(error),
    code: failure.code,
    status,
    isGrpc: view.isGrpc,
    shouldRetry: view.header('x-should-retry'),
  });
  if (retryable !== undefined) failure.retryable = retryable;
  if (view.body !== undefined) failure.body = view.body;
  return failure;
}

/** One error, with the parts that several functions read. */
class ErrorView {
  readonly responses: unknown[];
  readonly headers: unknown[];
  readonly body: unknown;
  /** The error object inside the body: `body.error`, or the body itself. */
  readonly detail: unknown;
  /** Whether the body has an error object inside, as the answers of providers do. */
  readonly isDetailWrapped: boolean;
  readonly isGrpc: boolean;

  constructor(readonly error: object) {
    const responses = RESPONSES.map((key) => read(error, key)).filter((response) => response !== undefined);
    const nested = responses.map((response) => read(response, 'response')).filter((response) => response !== undefined);
    this.responses = [...responses, ...nested];
    const holders = [error, ...this.responses];
    this.headers = [
      ...holders.map((holder) => read(holder, 'headers')),
      read(error, 'responseHeaders'),
      read(error, 'metadata'), // gRPC and Connect
    ];
    this.body = this.#findBody();
    const parsed = typeof this.body === 'string' ? jsonIn(this.body) : this.body;
    const inner = read(parsed, 'error');
    this.isDetailWrapped = typeof inner === 'object' && inner !== null;
    this.detail = this.isDetailWrapped ? inner : parsed;
    const code = read(error, 'code');
    const speaksGrpc =
      typeof read(error, 'details') === 'string' || typeof readPath(error, 'metadata', 'get') === 'function';
    this.isGrpc =
      Number.isInteger(code) && (code as number) >= 0 && (code as number) <= 16 && (speaksGrpc || hasMetadata(error));
  }

  header(name: string): string | undefined {
    for (const headers of this.headers) {
      const value = header(headers, name)?.trim();
      if (value !== undefined && value !== '') return value;
    }
    return undefined;
  }

  #findBody(): unknown {
    // The `data` of undici's `RequestRetryError` counts its tries.
    const isRetryCount = read(this.error, 'code') === 'UND_ERR_REQ_RETRY';
    for (const key of ['error', 'body', 'responseBody', ...(isRetryCount ? [] : ['data'])]) {
      const body = plainJson(read(this.error, key));
      if (body !== undefined) return body;
    }
    for (const response of this.responses) {
      for (const key of ['data', 'body', 'bodyAsText', 'parsedBody']) {
        const body = plainJson(read(response, key));
        if (body !== undefined && body !== '') return body;
      }
    }
    // Google's SDKs put the JSON of the response into the message.
    const message = readText(this.error, 'message');
    const parsed = message === undefined ? undefined : jsonIn(message);
    return parsed !== undefined && typeof read(parsed, 'error') === 'object' ? plainJson(parsed) : undefined;
  }
}

function hasMetadata(error: object): boolean {
  const metadata = read(error, 'metadata');
  return typeof metadata === 'object' && metadata !== null;
}

/** The error's `name`, or the name of its class if the SDK leaves `name` at `'Error'`, as OpenAI's and Anthropic's do. */
export function nameOf(error: unknown): string | undefined {
  const name = readText(error, 'name');
  if (name !== undefined && name !== 'Error') return bounded(name, CODE_MAX);
  const ofClass = readText(read(error, 'constructor'), 'name');
  // A minifier may have shortened the class name to one letter.
  const best = ofClass !== undefined && /(?:Error|Exception)$/.test(ofClass) ? ofClass : name;
  return best === undefined ? undefined : bounded(best, CODE_MAX);
}

function statusOf(view: ErrorView): number | undefined {
  const { error, responses, detail } = view;
  const candidates = [
    read(error, 'status'),
    read(error, 'statusCode'),
    read(error, 'status_code'), // ollama
    readPath(error, '$metadata', 'httpStatusCode'),
    ...responses.flatMap((response) => [read(response, 'status'), read(response, 'statusCode')]),
    read(error, 'originalStatusCode'), // Bedrock, of a failure inside a stream
    view.isGrpc ? undefined : errorStatus(read(error, 'code')), // gaxios
    errorStatus(read(detail, 'code')), // Google
    read(detail, 'status'),
  ];
  return candidates.map(httpStatus).find((status) => status !== undefined);
}

/** A code that is an HTTP status. Another number is no status: a child process that was killed has the code 137. */
function errorStatus(code: unknown): number | undefined {
  const status = httpStatus(code);
  return isErrorStatus(status) ? status : undefined;
}

/** An HTTP status, given as a number or as its digits. */
function httpStatus(value: unknown): number | undefined {
  const status = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value;
  return Number.isInteger(status) && (status as number) >= 100 && (status as number) <= 999
    ? (status as number)
    : undefined;
}

/** The error code of the provider or the client. */
function codeOf({ error, detail, isDetailWrapped }: ErrorView, status: number | undefined): string | undefined {
  const own = ownCode(error);
  const ownWord = typeof read(error, 'code') === 'number' || !isWord(own) ? undefined : own;
  if (ownWord !== undefined && InferenceError.isInstance(error)) return ownWord;
  const ofDetail = [
    readText(detail, 'code'),
    readText(detail, 'status'), // Google: `RESOURCE_EXHAUSTED`
    readText(detail, 'type'), // Anthropic: `overloaded_error`
  ].find(isWord);
  // With an answer of the provider, the code of an HTTP client only says that there is one: `ERR_BAD_REQUEST`.
  if (ofDetail !== undefined && isDetailWrapped && status !== undefined) return ofDetail;
  if (ownWord !== undefined) return ownWord;
  const isAws = read(error, '$fault') !== undefined || typeof read(error, '$metadata') === 'object';
  const stated = [
    isAws ? (readText(error, 'Code') ?? readText(error, 'name')) : undefined,
    ofDetail,
    isRealError(error) ? readText(error, 'type') : undefined, // The type of an event or a `Response` is no code.
  ];
  return stated.find(isWord) ?? own;
}

function isWord(code: string | undefined): boolean {
  return code !== undefined && httpStatus(code) === undefined;
}

function isRealError(value: object): boolean {
  return types.isNativeError(value) || readText(value, 'stack') !== undefined;
}

/**
 * The code that the error itself states. Errors of this package keep the provider's in `providerCode`; their `code` is the
 * package's. The number of a `DOMException` only repeats its name.
 */
export function ownCode(error: object): string | undefined {
  if (InferenceError.isInstance(error)) return readText(error, 'providerCode');
  const code = read(error, 'code');
  if (typeof code === 'string' && code !== '') return code;
  return typeof code === 'number' && !isDomException(error) ? String(code) : undefined;
}

function requestIdOf(view: ErrorView): string | undefined {
  const { error, responses, detail } = view;
  for (const holder of [error, read(error, '$metadata'), ...responses, view.body, detail]) {
    for (const key of ['requestId', 'requestID', 'request_id', '_request_id']) {
      const id = readText(holder, key);
      if (id !== undefined) return id;
    }
  }
  for (const name of REQUEST_ID_HEADERS) {
    const id = view.header(name);
    if (id !== undefined) return id;
  }
  return undefined;
}

/** How long the provider asks to wait: RFC 9110 `Retry-After`, its millisecond form, gRPC's pushback, Google's `RetryInfo`. */
function retryAfterMsOf(view: ErrorView): number | undefined {
  const own = read(view.error, 'retryAfterMs');
  if (typeof own === 'number' && Number.isFinite(own)) return own >= 0 ? own : undefined;
  for (const name of ['retry-after-ms', 'x-ms-retry-after-ms', 'grpc-retry-pushback-ms']) {
    const ms = Number.parseFloat(view.header(name) ?? '');
    if (Number.isFinite(ms) && ms >= 0) return ms;
  }
  const after = view.header('retry-after');
  if (after !== undefined) return retryAfterHeader(after);
  const hint = readDate(view.error, 'retryAfterHint'); // AWS
  if (hint !== undefined) return untilDate(hint);
  const details = [
    ...readList(view.detail, 'details', 16),
    ...readList(view.error, 'errorDetails', 16),
    ...readList(view.error, 'statusDetails', 16),
  ];
  for (const detail of details) {
    const delay = durationMs(read(detail, 'retryDelay'));
    if (delay !== undefined) return delay;
  }
  return undefined;
}

function retryAfterHeader(text: string): number | undefined {
  // `3, 5` is a header that was sent twice.
  const [first = ''] = text.split(',');
  const seconds = first.trim() === '' ? Number.NaN : Number(first);
  if (Number.isFinite(seconds)) return seconds >= 0 ? seconds * 1000 : undefined;
  return untilDate(parseDate(text));
}

function untilDate(date: number): number | undefined {
  return Number.isFinite(date) ? Math.max(0, date - epochMs()) : undefined;
}

/** A `google.protobuf.Duration`: `"3.5s"` as JSON, `{ seconds, nanos }` as an object. */
function durationMs(value: unknown): number | undefined {
  if (typeof value === 'string') {
    const [, seconds] = /^(\d+(?:\.\d+)?)s$/.exec(value) ?? [];
    return seconds === undefined ? undefined : Number(seconds) * 1000;
  }
  const seconds = Number(read(value, 'seconds') ?? 0);
  const nanos = Number(read(value, 'nanos') ?? 0);
  const isDuration = typeof value === 'object' && value !== null && Number.isFinite(seconds) && Number.isFinite(nanos);
  return isDuration ? seconds * 1000 + nanos / 1_000_000 : undefined;
}
