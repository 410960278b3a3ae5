/** A field that is not known is refused in every object that the package takes, and the error says which one was meant. */
import {
  currentInferenceRunner,
  EventLog,
  InferenceEngine,
  InvalidRequestError,
  setInferenceRunner,
} from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { rejection } from './support/collect';
import { MODEL, newEngine, REQUEST } from './support/engine';
import { all, newPath, openLog } from './support/log';

afterEach(() => setInferenceRunner(null).dispose());

const runner = async () => {};
const seed = new Uint8Array(32);
const call = (options: object) => newEngine().generate(REQUEST, options as never);
const request = (fields: object) => newEngine().generate({ ...REQUEST, ...fields } as never);
const engine = (options: object) => new InferenceEngine({ models: [MODEL], ...options } as never);
const model = (fields: object) => new InferenceEngine({ models: [{ ...MODEL, ...fields }] } as never);
const open = (options: object) => EventLog.open(newPath(), options as never);
const memory = () => newEngine().eventLog;

/** What is done, the path of the field that is not known, and what the error suggests. */
const TABLE: Array<[attempt: () => unknown, path: string, meant: string]> = [
  [() => call({ abortSignal: new AbortController().signal }), 'abortSignal', '`signal`'],
  [() => call({ sginal: new AbortController().signal }), 'sginal', '`signal`'],
  [() => call({ timeout: 5 }), 'timeout', '`timeouts`'],
  [() => call({ idleMs: 5 }), 'idleMs', '`timeouts.idleMs`'],
  [() => call({ timeouts: { idle_ms: 5 } }), 'timeouts.idle_ms', '`idleMs`'],
  [() => call({ timeouts: { idleMS: () => {} } }), 'timeouts.idleMS', '`idleMs`'],
  [() => call({ maxRetries: 3 }), 'maxRetries', '`retry`'],
  [() => call({ retry: { maxAttempts: 3 } }), 'retry.maxAttempts', '`attemptsMax`'],
  [() => call({ max_tokens: 3 }), 'max_tokens', 'put it into the request (first argument) as `params.maxTokens`'],
  [() => call({ model: 'gpt-5' }), 'model', 'the request (first argument)'],
  [() => call({ onLogFailure: 'continue' }), 'onLogFailure', 'an option of the engine'],
  [() => call({ runnr: runner }), 'runnr', 'known are'],
  [() => call({ [Symbol.for('x') as never]: 1, hedaers: {} }), 'hedaers', 'known are'],
  [
    () =>
      newEngine()
        .generateTrackedStream(REQUEST, { retryy: {} } as never)
        .next(),
    'retryy',
    '`retry`',
  ],

  [() => request({ max_tokens: 5 }), 'max_tokens', '`params.maxTokens`'],
  [() => request({ params: { max_tokens: 5 } }), 'params.max_tokens', '`maxTokens`'],
  [() => request({ params: { maxOutputTokens: 5 } }), 'params.maxOutputTokens', '`maxTokens`'],
  [() => request({ params: { max_completion_tokens: 5 } }), 'params.max_completion_tokens', '`maxTokens`'],
  [() => request({ params: { stop_sequences: [] } }), 'params.stop_sequences', '`stop`'],
  [() => request({ stopSequences: [] }), 'stopSequences', '`params.stop`'],
  [() => request({ tool_choice: 'auto' }), 'tool_choice', '`params.toolChoice`'],
  [() => request({ response_format: {} }), 'response_format', '`responseFormat`'],
  [() => request({ system: 'be kind' }), 'system', '`context`'],
  [() => request({ systemInstruction: 'be kind' }), 'systemInstruction', '`context`'],
  [() => request({ contents: [] }), 'contents', '`messages`'],
  [() => request({ extra_body: {} }), 'extra_body', '`providerOptions`'],
  [() => request({ signal: new AbortController().signal }), 'signal', 'the call options (second argument)'],
  [
    () => request({ abortSignal: new AbortController().signal }),
    'abortSignal',
    'put it into the call options (second argument) as `signal`',
  ],
  [() => request({ timeouts: {} }), 'timeouts', 'the call options (second argument)'],
  [() => request({ retry: { attemptsMax: 2 } }), 'retry', 'the call options (second argument)'],
  [() => request({ apiKey: 'k' }), 'apiKey', 'the runner'],
  [() => request({ base_url: 'http://localhost' }), 'base_url', 'the runner'],
  [() => request({ stream: true }), 'stream', 'every call streams'],
  [() => request({ onFinish: () => {} }), 'onFinish', 'known are'],
  [() => request({ params: { model: 'x' } }), 'params.model', '`model` at the top level'],

  [() => engine({ evenLog: 'calls.db' }), 'evenLog', '`eventLog`'],
  [() => engine({ log: memory() }), 'log', '`eventLog`'],
  [() => engine({ limit: {} }), 'limit', '`limits`'],
  [() => engine({ onLogfailure: 'continue' }), 'onLogfailure', '`onLogFailure`'],
  [() => engine({ baseURL: 'http://localhost' }), 'baseURL', 'the runner'],
  [() => model({ source: { type: 'delegated', hnt: 'x' } }), 'models[0].source.hnt', '`hint`'],
  [() => model({ runner }), 'models[0].runner', 'did you mean `source.runner`?'],
  [() => model({ contextWindow: 5 }), 'models[0].contextWindow', '`contextLength`'],
  [
    () => model({ pricing: { input: 1, output: 1, cachedInput: 1 } }),
    'models[0].pricing.cachedInput',
    '`cacheReadInput`',
  ],
  [() => newEngine().registerModel({ ...MODEL, tag: ['x'] } as never), 'tag', '`tags`'],

  [() => setInferenceRunner(runner, { hnt: 'openai' } as never), 'hnt', '`hint`'],
  [() => setInferenceRunner(null, { provider: 'openai' } as never), 'provider', '`hint`'],
  [() => currentInferenceRunner({ hints: 'openai' } as never), 'hints', '`hint`'],

  [() => open({ durabilty: 'strict' }), 'durabilty', '`durability`'],
  [() => open({ readonly: true }), 'readonly', '`access`'],
  [() => open({ encryptionKey: seed }), 'encryptionKey', '`key`'],
  [() => open({ ky: seed }), 'ky', '`key`'],
  [() => open({ onEvent: () => {} }), 'onEvent', '`observe`'],
  [() => open({ key: 'short', observer: () => {} }), 'observer', '`observe`'],
  [() => open({ retention: { maxage: 5 } }), 'retention.maxage', '`maxAge`'],
  [() => open({ redaction: { regexes: [] } }), 'redaction.regexes', '`patterns`'],
  [() => open({ checkpoint: { key: seed, onCheckpoint: () => {}, every: 5 } }), 'checkpoint.every', '`everyMs`'],

  [
    () =>
      newEngine()
        .generateTrackedStream(REQUEST)
        .toReadableStream({ format: 'bytes' } as never),
    'format',
    '`as`',
  ],
  [() => memory().tail({ form: 'start' } as never), 'form', '`from`'],
  [() => memory().tail({ cursor: 'x' } as never), 'cursor', '`after`'],
  [() => all(memory().calls({ sort: 'oldest' } as never)), 'sort', '`order`'],
  [() => all(memory().calls({ tag: 'x' } as never)), 'tag', '`tags`'],
  [() => all(memory().calls({ since: new Date(), form: 5 } as never)), 'form', 'known are'],
  [() => all(memory().events('id', { start: 1 } as never)), 'start', '`from`'],
  [() => memory().prune({ maxCalls: 1, keeep: [] } as never), 'keeep', '`keep`'],
  [() => memory().prune({ olderThan: 1 } as never), 'olderThan', '`maxAge`'],
  [() => memory().erase({ traceID: 'x' } as never), 'traceID', '`traceId`'],
  [() => memory().erase({ tags: ['x'] } as never), 'tags', '`tag`'],
  [() => memory().erase({ tg: 'x' } as never), 'tg', '`tag`'],
  [() => memory().export(process.stdout, { modle: 'x' } as never), 'modle', '`model`'],
];

/** What is thrown, at once or later. */
const failureOf = (attempt: () => unknown) => rejection((async () => attempt())()) as Promise<InvalidRequestError>;

describe('a field that is not known', () => {
  test.each(TABLE.map((row) => [row[1], ...row] as const))('%s', async (_name, attempt, path, meant) => {
    setInferenceRunner(runner);
    const error = await failureOf(attempt);
    expect(error).toBeInstanceOf(InvalidRequestError);
    const problem = error.problems.find((known) => known.path === path);
    expect(problem?.message).toContain('unknown field');
    expect(problem?.message).toContain(meant);
    expect(problem?.message).toContain('known are');
    expect(error.message).toContain(path);
  });

  test('of a durable log is refused by what only such a log has', async () => {
    const log = await openLog();
    const error = await failureOf(() => log.verify({ checkpiont: {}, publickey: 'x' } as never));
    expect(error.problems.map(({ path }) => path).sort()).toEqual(['checkpiont', 'publickey']);
    expect(error.message).toMatch(/options of verify.*`checkpoint`.*`publicKey`/);
  });

  test('is absent when its value is undefined, as it is in JSON', async () => {
    setInferenceRunner(async () => {});
    const absent = { fromm: undefined } as never;
    await newEngine(absent).generate({ ...REQUEST, ...(absent as object) }, absent);
    setInferenceRunner(runner, absent);
    memory().tail(absent);
    expect(await all(memory().calls(absent))).toEqual([]);
    await (await openLog(newPath(), absent)).verify(absent);
  });
});

describe('options that are no object', () => {
  const attempts: Array<[string, (value: never) => unknown]> = [
    ['generate', (value) => newEngine().generate(REQUEST, value)],
    ['InferenceEngine', (value) => new InferenceEngine(value)],
    ['registerModel', (value) => newEngine().registerModel(value)],
    ['setInferenceRunner', (value) => setInferenceRunner(runner, value)],
    ['currentInferenceRunner', (value) => currentInferenceRunner(value)],
    ['EventLog.open', (value) => EventLog.open(newPath(), value)],
    ['tail', (value) => memory().tail(value)],
    ['calls', (value) => all(memory().calls(value))],
    ['events', (value) => all(memory().events('id', value))],
    ['prune', (value) => memory().prune(value)],
    ['erase', (value) => memory().erase(value)],
    ['export', (value) => memory().export(process.stdout, value)],
  ];
  const values: Array<[string, unknown]> = [
    ['null', null],
    ['an array', []],
    ['a number', 5],
    ['a string', 'x'],
    ['a function', () => {}],
    ['a boolean', true],
  ];
  test.each(attempts)('%s', async (_name, attempt) => {
    for (const [name, value] of values) {
      const error = await failureOf(() => attempt(value as never));
      expect(['InvalidRequestError', 'TypeError']).toContain(error.name);
      expect(error.message).toMatch(/must be an object|expected an object/);
      expect(error.message).toContain(name.replace(/^an? /, ''));
    }
  });
});

describe('options whose content cannot be seen', () => {
  const attempts: Array<[string, (value: never) => unknown]> = [
    ['generate', (value) => newEngine().generate(REQUEST, value)],
    ['InferenceEngine', (value) => new InferenceEngine(value)],
    ['registerModel', (value) => newEngine().registerModel(value)],
    ['setRunner', (value) => newEngine().setRunner(runner, value)],
    ['setInferenceRunner', (value) => setInferenceRunner(runner, value)],
    ['currentInferenceRunner', (value) => currentInferenceRunner(value)],
    ['EventLog.open', (value) => EventLog.open(newPath(), value)],
    ['a checkpoint', (value) => EventLog.open(newPath(), { checkpoint: value })],
    ['tail', (value) => memory().tail(value)],
    ['toReadableStream', (value) => newEngine().generateTrackedStream(REQUEST).toReadableStream(value)],
    ['calls', (value) => all(memory().calls(value))],
    ['export', (value) => memory().export(process.stdout, value)],
  ];
  const values: Array<[string, unknown]> = [
    ['Map', new Map<string, unknown>([['hint', 'h']])],
    ['Promise', Promise.resolve({ hint: 'h' })],
    ['Error', new Error('no')],
    ['AbortSignal', AbortSignal.abort()],
  ];
  test.each(attempts)('%s', async (_name, attempt) => {
    for (const [name, value] of values) {
      const error = await failureOf(() => attempt(value as never));
      expect(error).toBeInstanceOf(InvalidRequestError);
      expect(error.message).toContain(name);
    }
  });

  test('a signal in the place of the options of a call is told where it belongs', async () => {
    const error = await failureOf(() => call(new AbortController().signal));
    expect(error.message).toContain('got an AbortSignal; pass { signal }');
    // A controller has the field.
    const controller = new AbortController();
    controller.abort();
    expect(await failureOf(() => call(controller))).toBe(controller.signal.reason);
  });
});

describe('options of a host’s own class', () => {
  test('are read with their inherited getters', async () => {
    class Base {
      get retry() {
        return { attemptsMax: 2, backoffMs: 1 };
      }
    }
    class Options extends Base {
      get runner() {
        return async () => ({ text: 'mine' });
      }
      get models() {
        return [{ id: 'a', source: { type: 'delegated' as const } }];
      }
    }
    const engine = new InferenceEngine(new Options());
    expect(engine.models.map(({ id }) => id)).toEqual(['a']);
    expect(await engine.generate({ prompt: 'hi' })).toMatchObject({ text: 'mine' });
    const { runner, retry } = new Options();
    expect(await newEngine().generate(REQUEST, Object.create({ runner, retry }))).toMatchObject({ text: 'mine' });
  });

  test('may leave every option out', () => {
    class Empty {
      get runner() {
        return undefined;
      }
      readonly timeouts = undefined;
    }
    expect(new InferenceEngine(new Empty()).models).toEqual([]);
  });
});
