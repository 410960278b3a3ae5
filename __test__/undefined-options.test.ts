/** What is `undefined` is as if it had been left out, in every option, request, event and result. */
import { Readable } from 'node:stream';
import {
  currentInferenceRunner,
  type EngineOptions,
  type GenerateRequest,
  InferenceEngine,
  InferenceError,
  type RunnerEvent,
  RunnerFailedError,
  type RunnerResult,
  setInferenceRunner,
} from 'car-inference';
import { afterEach, expect, test } from 'vitest';
import { eventsOf } from './support/collect';
import { MODEL, newEngine, REQUEST } from './support/engine';
import { all, eventsIn, newPath, openLog, recordCalls, refsOf } from './support/log';

afterEach(() => setInferenceRunner(null).dispose());

const none = undefined;

/** The same with `undefined` for each of these fields that it lacks. */
function and<T extends object>(given: T, ...names: string[]): T {
  return { ...Object.fromEntries(names.map((name) => [name, none])), ...given };
}

const PARAMS = ['temperature', 'topP', 'topK', 'maxTokens', 'stop', 'seed', 'toolChoice', 'parallelToolCalls'];
const FIELDS = [
  ...['prompt', 'model', 'fallbackModels', 'params', 'context', 'messages', 'images', 'tools', 'responseFormat'],
  ...['clientRef', 'conversationId', 'parentTraceId', 'tags', 'providerOptions'],
];
const ASSISTANT = {
  role: 'assistant',
  content: 'hm',
  toolCalls: [and({ name: 'f', arguments: { a: 1 } }, 'id', 'rawArguments', 'argumentsError')],
  reasoning: [and({ index: 0, text: 't' }, 'signature')],
} as const;
const REQUESTED: GenerateRequest = and(
  {
    ...REQUEST,
    params: and({ topK: 1 }, ...PARAMS),
    messages: [ASSISTANT as never, and({ role: 'assistant', content: 'x' } as const, 'toolCalls', 'reasoning')],
    responseFormat: and({ type: 'json-schema', schema: {} } as const, 'strict', 'name'),
    images: [and({ type: 'image-url', url: 'https://example.org/a.png' } as const, 'detail')],
  },
  ...FIELDS,
);

test('a request is the same to the runner and in the log', async () => {
  const seen: unknown[] = [];
  setInferenceRunner(async (request) => {
    seen.push(request);
  });
  const engine = newEngine();
  const left = JSON.parse(JSON.stringify(REQUESTED)) as GenerateRequest;
  for (const request of [REQUESTED, left]) {
    const { traceId } = await engine.generate(
      request,
      and({ timeouts: and({}, 'firstEventMs', 'idleMs', 'totalMs', 'graceMs') }, 'signal', 'limits', 'retry'),
    );
    seen.push((await engine.eventLog.call(traceId))?.request);
  }
  expect(JSON.stringify(seen[0])).toBe(JSON.stringify(seen[2]));
  expect(JSON.stringify(seen[1])).toBe(JSON.stringify(seen[3]));
  expect(JSON.stringify(seen)).not.toContain('null');
});

test('an event is delivered and recorded without the field', async () => {
  const events: Array<[given: object, delivered: object]> = [
    [
      { type: 'text-delta', text: 'a', index: none },
      { type: 'text-delta', text: 'a' },
    ],
    [
      { type: 'reasoning-delta', index: none, text: 'r', signature: none },
      { type: 'reasoning-delta', index: 0, text: 'r' },
    ],
    [
      { type: 'tool-call-start', index: 0, name: 'f', id: none },
      { type: 'tool-call-start', index: 0, name: 'f' },
    ],
    [
      { type: 'tool-call-end', index: 0, arguments: none, signature: none },
      { type: 'tool-call-end', index: 0 },
    ],
    [
      { type: 'usage', inputTokens: 1, outputTokens: none, totalTokens: none },
      { type: 'usage', inputTokens: 1 },
    ],
    [
      { type: 'stop-reason', reason: 'stop', raw: none },
      { type: 'stop-reason', reason: 'stop' },
    ],
    [
      { type: 'source', id: none, url: 'u', title: none, providerMetadata: none },
      { type: 'source', url: 'u' },
    ],
    [
      { type: 'file', mediaType: 'm', data: none, url: 'u' },
      { type: 'file', mediaType: 'm', url: 'u' },
    ],
    [
      { type: 'provider-event', name: none, data: 1 },
      { type: 'provider-event', data: 1 },
    ],
    [
      { type: 'warning', message: 'w', code: none },
      { type: 'warning', message: 'w' },
    ],
    [
      { type: 'error', message: 'e', code: none },
      { type: 'error', message: 'e' },
    ],
  ];
  setInferenceRunner(async function* () {
    for (const [given] of events) yield given as RunnerEvent;
    return and<RunnerResult>({}, 'text', 'toolCalls');
  });
  const engine = newEngine();
  const stream = engine.generateTrackedStream(REQUEST);
  const delivered = (await eventsOf(stream)).slice(0, -1);
  expect(delivered).toStrictEqual(events.map(([, delivered]) => delivered));
  const recorded = await eventsIn(engine.eventLog, stream.traceId);
  expect(recorded.slice(0, -1).map(({ event }) => event)).toStrictEqual(delivered);
  expect(Object.keys(await stream.result())).not.toContain('refusal');
});

test('an engine, its models and a runner’s slot have their defaults', async () => {
  const model = and(MODEL, 'name', 'provider', 'family', 'contextLength', 'maxOutputTokens', 'pricing', 'tags');
  const options: EngineOptions & { eventLog?: undefined } = and(
    {
      models: [model],
      limits: and({}, 'bufferedEventsMax', 'callBytesMax'),
      retry: and({}, 'attemptsMax', 'backoffMs'),
    },
    ...['eventLog', 'timeouts', 'onLogFailure'],
  );
  const engine = new InferenceEngine(options);
  expect(engine.models).toStrictEqual(newEngine().models);
  expect(engine.eventLog.path).toBeUndefined();
  engine.registerModel(and({ id: 'n', source: and({ type: 'delegated' } as const, 'hint') }, 'pricing', 'tags'));
  expect(engine.models[1]).toStrictEqual({ id: 'n', source: { type: 'delegated' } });
  const runner = async () => and<RunnerResult>({ text: 'hello' }, 'toolCalls');
  setInferenceRunner(runner, { hint: none });
  expect(currentInferenceRunner({ hint: none })).toBe(runner);
  expect(await engine.generate({ ...REQUEST, model: 'n' }, none)).toMatchObject({ text: 'hello', toolCalls: [] });
  await engine.close(none);
});

test('a log is opened, asked and kept with its defaults', async () => {
  const log = await openLog(
    newPath(),
    and(
      {
        redaction: and({}, 'builtin', 'patterns', 'fields'),
        retention: and({ maxCalls: 100 }, 'maxAge', 'maxBytes', 'keep'),
      },
      ...['durability', 'access', 'lockWaitMs', 'fullTextSearch', 'key', 'checkpoint', 'observe', 'queueBytesMax'],
      'retentionIntervalMs',
    ),
  );
  setInferenceRunner(async () => {});
  await recordCalls(new InferenceEngine({ models: [MODEL], eventLog: log }), 3);
  const names = ['model', 'status', 'tags', 'conversationId', 'parentTraceId', 'clientRef', 'since', 'until', 'text'];
  const filter = and({}, ...names, 'limit', 'cursor', 'order');
  expect(await refsOf(log.calls(filter))).toEqual(await refsOf(log.calls()));
  expect(await refsOf(log.calls(none))).toEqual(['2', '1', '0']);
  const { traceId } = (await all(log.calls()))[0] as { traceId: string };
  expect(await all(log.events(traceId, and({}, 'from', 'to')))).toEqual(await eventsIn(log, traceId));
  const { value } = await log.tail(and({ from: 'start' as const }, 'after')).next();
  expect(value).toMatchObject({ type: 'call-start' });
  expect(await log.verify(and({}, 'checkpoint', 'publicKey'))).toMatchObject({ ok: true, calls: 3 });
  expect(await log.prune(and({ maxCalls: 2 }, 'maxAge', 'maxBytes', 'keep'))).toMatchObject({ calls: 1 });
  const lines = Readable.from(['{"type":"car-inference-log","version":1}\n']);
  expect(await log.import(lines)).toEqual({ calls: 0, known: 0 });
});

test('an error has no such property', () => {
  const names = ['traceId', 'retryable', 'text', 'usage', 'status', 'retryAfterMs', 'body', 'attempt'];
  const given = new RunnerFailedError('m', and({}, ...names));
  const left = new RunnerFailedError('m');
  expect(Object.getOwnPropertyNames(given)).toEqual(Object.getOwnPropertyNames(left));
  expect(given.retryable).toBe(left.retryable);
  // As in `Error` itself, a cause that is `undefined` is one: a runner may throw it.
  expect('cause' in new InferenceError('internal', 'm', { cause: none })).toBe(true);
});
