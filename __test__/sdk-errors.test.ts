/** What the errors of the usual SDKs and HTTP clients say: in the error that a consumer catches, and in the log. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { APICallError, RetryError } from 'ai';
import {
  EventLog,
  type InferenceError,
  InvalidRequestError,
  RunnerDeclinedError,
  type RunnerError,
  RunnerFailedError,
  setInferenceRunner,
  TimeoutError,
} from 'car-inference';
import { APIConnectionError, APIError } from 'openai';
import { afterEach, describe, expect, test } from 'vitest';
import { rejection } from './support/collect';
import { newFolder } from './support/durable-log';
import { newEngine, REQUEST } from './support/engine';

afterEach(() => setInferenceRunner(null).dispose());

const error = (message: string, fields: object = {}, options?: ErrorOptions) =>
  Object.assign(new Error(message, options), fields);

/** A runner throws it: what the consumer catches, and the failure in the log. */
async function failed(thrown: unknown, engine = newEngine()) {
  setInferenceRunner(async () => {
    throw thrown;
  });
  const stream = engine.generateTrackedStream(REQUEST);
  const caught = (await rejection(stream.result())) as RunnerFailedError;
  const failure = (await engine.eventLog.call(stream.traceId))?.failure?.runner;
  return { caught, failure };
}

const rateLimit = { message: 'slow down', type: 'requests', code: 'rate_limit_exceeded', param: null };
const overloaded = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' }, request_id: 'req_9' };
const google = (code: number, status: string, details: object[] = []) => ({
  error: { code, message: 'said by Google', status, details },
});
const apiCall = (fields: object) =>
  new APICallError({ message: 'busy', url: 'https://api.example', requestBodyValues: {}, ...fields });
const throttled = apiCall({
  statusCode: 429,
  responseHeaders: { 'retry-after': '4', 'x-request-id': 'req_ai' },
  responseBody: '{"error":{"type":"rate_limit_error"}}',
});
const headersOf = (entries: Record<string, string>) => new Headers(entries);
const grpc = (code: number, word: string, metadata: object = {}) =>
  error(`${code} ${word}: no`, { code, details: 'no', metadata });
class ServiceException extends Error {
  override name = 'ServiceException';
}
const aws = (name: string, status: number | undefined, fields: object = {}) =>
  Object.assign(new ServiceException('said by AWS'), {
    name,
    $fault: 'client',
    $metadata: { httpStatusCode: status, requestId: 'req_aws' },
    ...fields,
  });

/** What is thrown, and what the caught error says. A field that is `undefined` must be absent. */
const cases: Record<string, [thrown: unknown, said: object]> = {
  'OpenAI, a status': [
    APIError.generate(429, { error: rateLimit }, undefined, headersOf({ 'x-request-id': 'req_1', 'retry-after': '2' })),
    {
      status: 429,
      retryable: true,
      retryAfterMs: 2000,
      requestId: 'req_1',
      providerCode: 'rate_limit_exceeded',
      body: rateLimit,
    },
  ],
  'OpenAI, a quota that is used up': [
    APIError.generate(429, { error: { ...rateLimit, code: 'insufficient_quota' } }, undefined, headersOf({})),
    { status: 429, retryable: false, providerCode: 'insufficient_quota' },
  ],
  'OpenAI, a word that it uses for everything': [
    APIError.generate(409, { error: { type: 'invalid_request_error', code: null } }, undefined, headersOf({})),
    { status: 409, retryable: true, providerCode: 'invalid_request_error' },
  ],
  'OpenAI, told not to retry': [
    APIError.generate(429, { error: rateLimit }, undefined, headersOf({ 'x-should-retry': 'false' })),
    { status: 429, retryable: false },
  ],
  'OpenAI, told to retry': [
    APIError.generate(400, { error: rateLimit }, undefined, headersOf({ 'x-should-retry': 'true' })),
    { status: 400, retryable: true },
  ],
  'OpenAI, an error inside a stream': [
    new APIError(undefined, { type: 'invalid_request_error', message: 'bad' }, undefined, headersOf({})),
    { status: undefined, retryable: false, providerCode: 'invalid_request_error' },
  ],
  'OpenAI, no connection': [
    new APIConnectionError({
      cause: new TypeError('fetch failed', { cause: error('refused', { code: 'ECONNREFUSED' }) }),
    }),
    { status: undefined, retryable: true, providerCode: 'ECONNREFUSED' },
  ],
  'Anthropic, a status': [
    error('529 overloaded', {
      status: 529,
      headers: headersOf({ 'request-id': 'req_9' }),
      error: overloaded,
      requestID: 'req_9',
    }),
    { status: 529, retryable: true, requestId: 'req_9', providerCode: 'overloaded_error', body: overloaded },
  ],
  'Anthropic, an account without credit': [
    error('429', { status: 429, error: { type: 'error', error: { type: 'billing_error' } } }),
    { status: 429, retryable: false, providerCode: 'billing_error' },
  ],
  'Anthropic, an error inside a stream': [
    error('no', { status: undefined, error: { type: 'error', error: { type: 'authentication_error' } } }),
    { status: undefined, retryable: false, providerCode: 'authentication_error' },
  ],
  'Google, JSON in the message': [
    error(
      JSON.stringify(google(429, 'RESOURCE_EXHAUSTED', [{ '@type': 'x/google.rpc.RetryInfo', retryDelay: '36.5s' }])),
      {
        name: 'ApiError',
      },
    ),
    { status: 429, retryable: true, retryAfterMs: 36_500, providerCode: 'RESOURCE_EXHAUSTED' },
  ],
  'Google, JSON behind words': [
    error(`got status: 400 Bad Request. ${JSON.stringify(google(400, 'INVALID_ARGUMENT'))}`, { name: 'ClientError' }),
    { status: 400, retryable: false, body: google(400, 'INVALID_ARGUMENT') },
  ],
  'Google, the older SDK': [
    error('[503] busy', { status: 503, statusText: 'x', errorDetails: [{ retryDelay: '2s' }] }),
    { status: 503, retryable: true, retryAfterMs: 2000 },
  ],
  gaxios: [
    error('denied', { code: '403', status: '403', response: { status: 403, data: google(403, 'PERMISSION_DENIED') } }),
    { status: 403, retryable: false, providerCode: 'PERMISSION_DENIED', body: google(403, 'PERMISSION_DENIED') },
  ],
  'AI SDK, an API call': [
    throttled,
    {
      status: 429,
      retryable: true,
      retryAfterMs: 4000,
      requestId: 'req_ai',
      providerCode: 'rate_limit_error',
      body: '{"error":{"type":"rate_limit_error"}}',
    },
  ],
  'AI SDK, a quota that is used up': [
    apiCall({ statusCode: 429, responseBody: '{"error":{"type":"insufficient_quota","code":"insufficient_quota"}}' }),
    { status: 429, retryable: false, providerCode: 'insufficient_quota' },
  ],
  'AI SDK, its own word against the status': [
    apiCall({ statusCode: 500, isRetryable: false }),
    { status: 500, retryable: false },
  ],
  'AI SDK, after retries': [
    new RetryError({
      message: 'Failed after 2 attempts',
      reason: 'maxRetriesExceeded',
      errors: [apiCall({ statusCode: 500 }), throttled],
    }),
    { status: 429, retryable: true, retryAfterMs: 4000, requestId: 'req_ai' },
  ],
  'AI SDK, an error that was not retried': [
    new RetryError({ message: 'no', reason: 'errorNotRetryable', errors: [apiCall({ statusCode: 401 })] }),
    { status: 401, retryable: false },
  ],
  'AWS, throttled': [
    aws('ThrottlingException', 429, { $retryable: { throttling: true } }),
    { status: 429, retryable: true, requestId: 'req_aws', providerCode: 'ThrottlingException' },
  ],
  'AWS, throttled under another status': [aws('ThrottlingException', 400), { status: 400, retryable: true }],
  'AWS, throttled inside a stream': [aws('throttlingException', 400), { status: 400, retryable: true }],
  'AWS, a time to wait for': [
    aws('ThrottlingException', 429, { retryAfterHint: new Date(0) }),
    { status: 429, retryable: true, retryAfterMs: 0 },
  ],
  'AWS, a connection cut inside the answer': [
    error('aborted', { code: 'ECONNRESET', $metadata: { attempts: 1 }, $response: { statusCode: 200, headers: {} } }),
    { status: 200, retryable: true, providerCode: 'ECONNRESET' },
  ],
  'AWS, refused': [aws('AccessDeniedException', 403), { status: 403, retryable: false, requestId: 'req_aws' }],
  "AWS, the caller's fault without a status": [
    aws('ValidationException', undefined),
    { status: undefined, retryable: false },
  ],
  "AWS, the service's fault": [aws('InternalServerException', undefined, { $fault: 'server' }), { retryable: true }],
  axios: [
    error('Request failed with status code 429', {
      isAxiosError: true,
      code: 'ERR_BAD_REQUEST',
      response: { status: 429, headers: { 'Retry-After': '3', 'X-Request-Id': 'req_3' }, data: { error: 'slow down' } },
    }),
    {
      status: 429,
      retryable: true,
      retryAfterMs: 3000,
      requestId: 'req_3',
      providerCode: 'ERR_BAD_REQUEST',
      body: { error: 'slow down' },
    },
  ],
  "axios, the provider's own code": [
    error('Request failed with status code 429', {
      code: 'ERR_BAD_REQUEST',
      response: { status: 429, headers: {}, data: { error: rateLimit } },
    }),
    { status: 429, retryable: true, providerCode: 'rate_limit_exceeded', body: { error: rateLimit } },
  ],
  'axios, a connection cut inside the answer': [
    error('stream has been aborted', { code: 'ERR_BAD_RESPONSE', response: { status: 200, headers: {} } }),
    { status: 200, retryable: true },
  ],
  'axios, no connection': [
    error('timeout of 5 ms exceeded', { code: 'ECONNABORTED' }),
    { retryable: true, providerCode: 'ECONNABORTED' },
  ],
  'axios, cancelled': [error('canceled', { name: 'CanceledError', code: 'ERR_CANCELED' }), { retryable: false }],
  got: [
    error('Response code 503', {
      name: 'HTTPError',
      code: 'ERR_NON_2XX_3XX_RESPONSE',
      response: { statusCode: 503, headers: { 'retry-after': '1' }, body: { error: 'busy' } },
    }),
    { status: 503, retryable: true, retryAfterMs: 1000, body: { error: 'busy' } },
  ],
  'got, a body that is text': [
    error('Response code 429', {
      code: 'ERR_NON_2XX_3XX_RESPONSE',
      response: { statusCode: 429, headers: {}, body: JSON.stringify({ error: rateLimit }) },
    }),
    { status: 429, providerCode: 'rate_limit_exceeded', body: JSON.stringify({ error: rateLimit }) },
  ],
  'got, a body that only begins like JSON': [
    error('Response code 503', { response: { statusCode: 503, headers: {}, body: '{"error' } }),
    { status: 503, body: '{"error' },
  ],
  'got, a connection cut inside the answer': [
    error('aborted', { name: 'ReadError', code: 'ECONNRESET', response: { statusCode: 200, headers: {} } }),
    { status: 200, retryable: true, providerCode: 'ECONNRESET' },
  ],
  'an answer cut off by a certificate': [
    error('no', { status: 200, code: 'CERT_HAS_EXPIRED' }),
    { status: 200, retryable: false },
  ],
  'an answer that broke off, and says why in a cause': [
    error('no', { status: 200 }, { cause: new DOMException('aborted', 'AbortError') }),
    { status: 200, retryable: false },
  ],
  ky: [
    error('Request failed', {
      name: 'HTTPError',
      response: new Response('x', { status: 404, headers: { 'x-request-id': 'req_ky' } }),
    }),
    { status: 404, retryable: false, requestId: 'req_ky' },
  ],
  ollama: [
    error('model not found', { name: 'ResponseError', error: 'model not found', status_code: 404 }),
    { status: 404, retryable: false, body: 'model not found' },
  ],
  undici: [
    error('Response Error', {
      code: 'UND_ERR_RESPONSE',
      statusCode: 503,
      headers: { 'retry-after': '6' },
      body: { error: 'busy' },
    }),
    { status: 503, retryable: true, retryAfterMs: 6000, body: { error: 'busy' } },
  ],
  'undici, headers as a list': [
    error('no', { statusCode: 429, headers: ['Retry-After', '5', 'x', 'y'] }),
    { retryAfterMs: 5000 },
  ],
  'undici, after retries': [
    error('Request failed', { code: 'UND_ERR_REQ_RETRY', statusCode: 503, data: { count: 2 }, headers: {} }),
    { status: 503, retryable: true, providerCode: 'UND_ERR_REQ_RETRY', body: undefined },
  ],
  'headers in a Map': [
    error('no', {
      status: 429,
      headers: new Map([
        ['Retry-After', '3'],
        ['X-Request-Id', 'req_map'],
      ]),
    }),
    { retryAfterMs: 3000, requestId: 'req_map' },
  ],
  'a Retry-After that was sent twice': [error('no', { headers: { 'retry-after': '3, 5' } }), { retryAfterMs: 3000 }],
  'fetch, its response thrown': [
    new Response('{}', {
      status: 429,
      statusText: 'Slow down',
      headers: { 'x-request-id': 'req_r', 'retry-after': '2' },
    }),
    {
      status: 429,
      retryable: true,
      requestId: 'req_r',
      retryAfterMs: 2000,
      providerCode: undefined,
      message: 'runner failed: HTTP status 429 Slow down',
    },
  ],
  'fetch, its response as the cause': [
    error('no answer', {}, { cause: new Response('', { status: 503, headers: { 'retry-after': '2' } }) }),
    { status: 503, retryAfterMs: 2000, message: 'runner failed: no answer: HTTP status 503' },
  ],
  'fetch, its timeout': [
    new DOMException('The operation timed out', 'TimeoutError'),
    { retryable: true, providerCode: undefined },
  ],
  'a WebSocket': [
    Object.assign(new Event('error'), { message: '', error: error('refused', { code: 'ECONNREFUSED', status: 503 }) }),
    { status: 503, retryable: true, providerCode: 'ECONNREFUSED', message: 'runner failed: refused (ECONNREFUSED)' },
  ],
  'an error while cleaning up after an error': [
    error('suppressed', { suppressed: error('slow down', { status: 429 }), error: error('cannot close') }),
    { status: 429, retryable: true, message: 'runner failed: suppressed: slow down: cannot close' },
  ],
  'a cause that is text': [
    new TypeError('fetch failed', { cause: 'socket hang up' }),
    { retryable: true, message: 'runner failed: fetch failed: socket hang up' },
  ],
  'a cause with a status only': [
    error('no', {}, { cause: { status: 401 } }),
    { status: 401, retryable: false, message: 'runner failed: no: HTTP status 401' },
  ],
  'a cause with a number of gRPC': [
    error('no', {}, { cause: { code: 16, details: 'no token', metadata: {} } }),
    { status: undefined, retryable: false, providerCode: '16', message: 'runner failed: no: no token (16)' },
  ],
  'an object of a host that holds an error': [
    { error: { message: 'slow down', code: 'slow', status: 429 } },
    { status: 429, providerCode: 'slow', message: 'runner failed: slow down' },
  ],
  'fetch, a timeout of the connection': [
    new TypeError('fetch failed', { cause: error('Connect Timeout Error', { code: 'UND_ERR_CONNECT_TIMEOUT' }) }),
    { status: undefined, retryable: true, providerCode: 'UND_ERR_CONNECT_TIMEOUT' },
  ],
  'fetch, a certificate that does not fit': [
    new TypeError('fetch failed', { cause: error('self-signed certificate', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }) }),
    { retryable: false },
  ],
  "somebody's own abort": [new DOMException('This operation was aborted', 'AbortError'), { retryable: false }],
  'gRPC, unavailable': [grpc(14, 'UNAVAILABLE'), { status: undefined, retryable: true, providerCode: '14' }],
  'gRPC, unauthenticated': [grpc(16, 'UNAUTHENTICATED'), { status: undefined, retryable: false, providerCode: '16' }],
  'gRPC, a wait in the metadata': [
    grpc(8, 'RESOURCE_EXHAUSTED', { get: (name: string) => (name === 'grpc-retry-pushback-ms' ? ['70'] : []) }),
    { retryable: true, retryAfterMs: 70 },
  ],
  'Connect, which has gRPC codes and no details': [
    error('[invalid_argument] no', { code: 3, metadata: new Headers() }),
    { retryable: false },
  ],
  'Cohere, a raw response': [
    error('no', { statusCode: 503, body: { a: 1 }, rawResponse: { headers: headersOf({ 'retry-after': '3' }) } }),
    { status: 503, retryAfterMs: 3000, body: { a: 1 } },
  ],
  'Azure, its client': [
    error('no', {
      name: 'RestError',
      statusCode: 429,
      code: 'TooManyRequests',
      response: { status: 429, headers: headersOf({ 'apim-request-id': 'req_az' }), bodyAsText: '{"a":1}' },
    }),
    { status: 429, retryable: true, requestId: 'req_az', providerCode: 'TooManyRequests', body: '{"a":1}' },
  ],
  "an error of a host's own around it": [
    error('the agent failed', {}, { cause: throttled }),
    { status: 429, retryable: true, retryAfterMs: 4000, requestId: 'req_ai' },
  ],
  'a wrapper with a status of its own': [
    error('no', { status: 503 }, { cause: apiCall({ statusCode: 400 }) }),
    { status: 503, retryable: true },
  ],
  'an error that says nothing': [
    new Error('no'),
    { status: undefined, retryable: true, requestId: undefined, providerCode: undefined, body: undefined },
  ],
  'a number that is no status and no gRPC code': [
    error('no', { code: 11, status: 7 }),
    { status: undefined, retryable: true },
  ],
  'the exit code of a process': [
    error('exited', { code: 137 }),
    { status: undefined, retryable: true, providerCode: '137' },
  ],
  "an author's RunnerFailedError": [
    new RunnerFailedError('mine', { status: 429, providerCode: 'rate', requestId: 'r', retryAfterMs: 5 }),
    { status: 429, retryable: true, providerCode: 'rate', requestId: 'r', retryAfterMs: 5 },
  ],
  "an author's RunnerFailedError that will not pass": [
    new RunnerFailedError('mine', { status: 400 }),
    { status: 400, retryable: false, providerCode: undefined },
  ],
  "an author's RunnerFailedError that says so": [
    new RunnerFailedError('mine', { status: 429, retryable: false }),
    { status: 429, retryable: false },
  ],
  "an author's RunnerFailedError around an error that says so": [
    new RunnerFailedError('mine', { cause: error('no', { code: 'insufficient_quota' }) }),
    { retryable: false, providerCode: 'insufficient_quota' },
  ],
  'another error of the package': [
    new InvalidRequestError('mine'),
    { retryable: false, providerCode: undefined, status: undefined },
  ],
};

test.each(Object.entries(cases))('%s', async (_name, [thrown, said]) => {
  const { caught, failure } = await failed(thrown);
  expect(caught.cause).toBe(thrown);
  for (const [field, value] of Object.entries(said)) {
    expect({ [field]: caught[field as keyof RunnerFailedError] }).toEqual({ [field]: value });
  }
  // The log says the same, under the names that a failure has there.
  expect(failure).toMatchObject(
    JSON.parse(JSON.stringify({ status: caught.status, requestId: caught.requestId, code: caught.providerCode })),
  );
});

test("a decline keeps the provider's code", async () => {
  const { caught, failure } = await failed(new RunnerDeclinedError('mine', { status: 401, providerCode: 'no_key' }));
  expect(caught).toMatchObject({ code: 'runner-declined', status: 401, providerCode: 'no_key' });
  expect(failure?.code).toBe('no_key');
});

test("an author's failure with a status that may pass is retried", async () => {
  const runs: unknown[] = [];
  const engine = newEngine({ retry: { attemptsMax: 2, backoffMs: 1 } });
  const runner = async () => {
    runs.push(1);
    throw new RunnerFailedError('mine', { status: 429, retryAfterMs: 1 });
  };
  expect(await rejection(engine.generate(REQUEST, { runner }))).toBeInstanceOf(RunnerFailedError);
  expect(runs).toHaveLength(2);
});

describe('the error of an engine inside a runner', () => {
  const inner = async (runner: () => Promise<void>, timeouts = {}) => {
    const engine = newEngine({ timeouts });
    return (await rejection(engine.generate(REQUEST, { runner }))) as InferenceError;
  };

  test("has the provider's code, not the package's", async () => {
    const thrown = await inner(async () => {
      throw error('slow', { status: 429, code: 'slow_down', headers: { 'retry-after': '3' } });
    });
    const { caught } = await failed(thrown);
    expect(caught).toMatchObject({ status: 429, providerCode: 'slow_down', retryAfterMs: 3000, retryable: true });
    const { caught: wrapped, failure } = await failed(error('agent', {}, { cause: thrown }));
    expect(wrapped).toMatchObject({ status: 429, providerCode: 'slow_down' });
    expect(failure?.causes?.[0]).toMatchObject({ name: 'RunnerFailedError', code: 'slow_down' });
  });

  test('has none if the provider said none', async () => {
    const thrown = await inner(() => new Promise(() => {}), { firstEventMs: 5, graceMs: 1 });
    expect(thrown).toBeInstanceOf(TimeoutError);
    const { caught } = await failed(thrown);
    expect(caught.retryable).toBe(true);
    expect((caught as RunnerError).providerCode).toBeUndefined();
  });
});

describe('the errors behind an error', () => {
  test('are in the message and in the log, each once, with their codes', async () => {
    const socket = error('connect ECONNREFUSED 127.0.0.1:9', { code: 'ECONNREFUSED' });
    const { caught, failure } = await failed(
      error('The model did not answer.', {}, { cause: new TypeError('fetch failed', { cause: socket }) }),
    );
    expect(caught.message).toContain('The model did not answer: fetch failed: connect ECONNREFUSED 127.0.0.1:9');
    expect(failure?.causes).toEqual([
      { name: 'TypeError', message: 'fetch failed' },
      { name: 'Error', message: 'connect ECONNREFUSED 127.0.0.1:9', code: 'ECONNREFUSED' },
    ]);
  });

  test('are those of every address that was tried', async () => {
    const tried = ['::1', '127.0.0.1'].map((host) => error(`connect ECONNREFUSED ${host}:9`, { code: 'ECONNREFUSED' }));
    const all = Object.assign(new AggregateError(tried, ''), { code: 'ECONNREFUSED' });
    const { caught } = await failed(new TypeError('fetch failed', { cause: all }));
    for (const { message } of tried) expect(caught.message).toContain(message);
  });

  test('may go round in a circle', async () => {
    const [one, two] = [error('one'), error('two')];
    one.cause = two;
    two.cause = one;
    const { caught, failure } = await failed(one);
    expect(caught.message).toContain('one: two');
    expect(failure?.causes).toHaveLength(1);
  });

  test('are bounded in number', async () => {
    const deep = Array.from({ length: 50 }).reduce<Error>(
      (cause, _, level) => error(`level ${level}`, {}, { cause }),
      error('root'),
    );
    expect((await failed(deep)).failure?.causes).toHaveLength(8);
  });

  test('that cannot be read are left out', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const { caught } = await failed(
      error('outer', { cause: proxy, suppressed: proxy, error: proxy, response: proxy, headers: proxy, errors: proxy }),
    );
    expect(caught.message).toContain('outer');
  });
});

test('secrets in what an error says are not in the file of a log', async () => {
  const secret = `sk-ant-api03-${'Zx9'.repeat(31)}AA`;
  const folder = newFolder();
  const log = await EventLog.open(join(folder, 'calls.db'));
  const thrown = error(
    `key ${secret}`,
    { requestId: secret, body: { secret } },
    { cause: error(secret, { code: secret }) },
  );
  const { caught } = await failed(thrown, newEngine({ eventLog: log }));
  expect(caught.requestId).toBe(secret);
  await log.close();
  const written = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1'));
  expect(written.join('')).not.toContain('Zx9Zx9');
});
