import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as package_ from 'car-inference';
import {
  CancelledError,
  EngineClosedError,
  InferenceError,
  InternalError,
  InvalidRequestError,
  LimitExceededError,
  LogError,
  ModelNotFoundError,
  NoRunnerError,
  PolicyDeniedError,
  ProtocolError,
  RunnerDeclinedError,
  RunnerError,
  RunnerFailedError,
  StreamLockedError,
  setInferenceRunner,
  TimeoutError,
} from 'car-inference';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { collect, rejection } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { aborted, bothWays, ScriptedRunner, text } from './support/scripted-runner';

afterEach(() => setInferenceRunner(null).dispose());

async function failureOf(runner: package_.RunnerLike | null, options: package_.EngineOptions = {}): Promise<unknown> {
  setInferenceRunner(runner);
  const { failed, error } = await collect(newEngine(options).generateTrackedStream(REQUEST));
  expect(failed).toBe(true);
  return error;
}

describe('classes and codes', () => {
  const made: Array<[InferenceError, string, string]> = [
    [new InvalidRequestError('m'), 'InvalidRequestError', 'invalid-request'],
    [new NoRunnerError('m'), 'NoRunnerError', 'no-runner'],
    [new ModelNotFoundError('m'), 'ModelNotFoundError', 'model-not-found'],
    [new PolicyDeniedError('m'), 'PolicyDeniedError', 'policy-denied'],
    [new CancelledError('m'), 'CancelledError', 'cancelled'],
    [new TimeoutError('m', { kind: 'idle', timeoutMs: 1 }), 'TimeoutError', 'timeout'],
    [new ProtocolError('m'), 'ProtocolError', 'protocol'],
    [new LimitExceededError('m'), 'LimitExceededError', 'limit-exceeded'],
    [new LogError('m'), 'LogError', 'log-failed'],
    [new EngineClosedError('m'), 'EngineClosedError', 'engine-closed'],
    [new StreamLockedError('m'), 'StreamLockedError', 'stream-locked'],
    [new InternalError('m'), 'InternalError', 'internal'],
    [new RunnerDeclinedError('m'), 'RunnerDeclinedError', 'runner-declined'],
    [new RunnerFailedError('m'), 'RunnerFailedError', 'runner-failed'],
  ];
  test.each(made)('%s', (error, name, code) => {
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(InferenceError);
    expect(InferenceError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ name, code, message: 'm', retryable: false });
    expect(error.stack).toContain(name);
    for (const [other] of made) {
      const sameClass = other === error;
      expect(error instanceof other.constructor).toBe(sameClass);
    }
    expect(error instanceof RunnerError).toBe(name.startsWith('Runner'));
  });

  test('every class of the package is in the list', () => {
    const classes = Object.entries(package_).filter(
      ([name, value]) => name.endsWith('Error') && typeof value === 'function',
    );
    const abstract = ['InferenceError', 'RunnerError'];
    expect(
      classes
        .map(([name]) => name)
        .filter((name) => !abstract.includes(name))
        .sort(),
    ).toEqual(made.map(([, name]) => name).sort());
  });

  test('other values are no instances', () => {
    for (const value of [undefined, null, 5, 'x', {}, new Error('x'), () => {}]) {
      expect(InferenceError.isInstance(value)).toBe(false);
      expect(CancelledError.isInstance(value)).toBe(false);
    }
  });

  test("a host's own subclass is known by itself and by its base", () => {
    class QuotaError extends RunnerFailedError {}
    const error = new QuotaError('none left');
    expect(error).toBeInstanceOf(QuotaError);
    expect(error).toBeInstanceOf(RunnerFailedError);
    expect(new RunnerFailedError('x')).not.toBeInstanceOf(QuotaError);
  });
});

describe('what a runner threw', () => {
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const hostile = new Proxy(new Error('hidden'), {
    get() {
      throw new Error('hands off');
    },
    getPrototypeOf() {
      throw new Error('hands off');
    },
    has() {
      throw new Error('hands off');
    },
  });
  const thrown: Array<[string, unknown]> = [
    ['an error', new TypeError('broken')],
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['a string', 'broken'],
    ['a symbol', Symbol('broken')],
    ['a BigInt', 5n],
    ['a function', () => {}],
    ['a frozen object', Object.freeze({ message: 'frozen' })],
    ['an object without a prototype', Object.create(null)],
    ['a revoked proxy', revoked.proxy],
    ['a proxy that throws at everything', hostile],
    ['one of our own errors', new TimeoutError('mine', { kind: 'idle', timeoutMs: 5 })],
  ];
  const ways = {
    ...Object.fromEntries(
      ['an emitter runner', 'a generator runner'].map((way) => [
        way,
        (fails: unknown) => bothWays([text('half')], { fails })[way as 'an emitter runner'],
      ]),
    ),
    'a synchronous throw': (fails: unknown) => (_request: unknown, emitter: package_.EventEmitter) => {
      emitter.emit(text('half'));
      throw fails;
    },
    'an iterator without a generator': (fails: unknown) => () => {
      let pulls = 0;
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => {
            pulls += 1;
            if (pulls > 1) throw fails;
            return Promise.resolve({ done: false as const, value: text('half') });
          },
        }),
      };
    },
  } as Record<string, (fails: unknown) => package_.RunnerLike>;

  for (const [way, make] of Object.entries(ways)) {
    test.each(thrown)(`%s, by ${way}, is the cause: the very same value`, async (_name, value) => {
      const error = (await failureOf(make(value))) as RunnerFailedError;
      expect(error).toBeInstanceOf(RunnerFailedError);
      expect(Object.hasOwn(error, 'cause')).toBe(true);
      expect(Object.is(error.cause, value)).toBe(true);
      expect(error).toMatchObject({ code: 'runner-failed', text: 'half', attempt: 1 });
      expect(error.message).not.toBe('');
    });
  }

  test('its message is kept', async () => {
    expect(((await failureOf(new ScriptedRunner({ fails: new Error('socket closed') }))) as Error).message).toContain(
      'socket closed',
    );
  });

  test('partial text and usage are in the error and in the log', async () => {
    const events = [text('a'), { type: 'usage' as const, inputTokens: 3, outputTokens: 1 }, text('b')];
    setInferenceRunner(new ScriptedRunner({ events, fails: new Error('cut') }));
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST);
    const { events: seen, error } = await collect(stream);
    expect(seen).toEqual(events);
    const partial = { text: 'ab', usage: { inputTokens: 3, outputTokens: 1 } };
    expect(error).toMatchObject({ ...partial, traceId: stream.traceId });
    expect(await engine.eventLog.call(stream.traceId)).toMatchObject({
      ...partial,
      status: 'failed',
      failure: { code: 'runner-failed' },
    });
  });

  test('a failure before any event has neither text nor usage', async () => {
    const error = (await failureOf(new ScriptedRunner({ fails: new Error('no') }))) as RunnerFailedError;
    expect('text' in error).toBe(false);
    expect('usage' in error).toBe(false);
  });

  const headers: Array<[string, unknown, number | undefined]> = [
    ['retry-after in seconds', { 'retry-after': '2' }, 2000],
    ['retry-after-ms', { 'retry-after-ms': '250', 'retry-after': '9' }, 250],
    ['a Headers object', new Headers({ 'Retry-After': '1.5' }), 1500],
    ['another case', { 'RETRY-AFTER': '3' }, 3000],
    ['a date that has passed', { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }, 0],
    ['a date far away, which is bounded to a week', { 'retry-after': 'Fri, 31 Dec 9999 23:59:59 GMT' }, 604_800_000],
    ['nonsense', { 'retry-after': 'soon' }, undefined],
    ['a negative number', { 'retry-after': '-5' }, undefined],
  ];
  test.each(headers)('retryAfterMs from headers: %s', async (_name, given, expected) => {
    const error = await failureOf(
      new ScriptedRunner({ fails: Object.assign(new Error('429'), { status: 429, headers: given }) }),
    );
    expect(error).toMatchObject({ status: 429, retryable: true });
    expect((error as RunnerFailedError).retryAfterMs).toBe(expected);
  });

  test('retry-after is also found in the response, as fetch wrappers keep it', async () => {
    const response = new Response('busy', { status: 503, headers: { 'retry-after': '1' } });
    const error = await failureOf(new ScriptedRunner({ fails: Object.assign(new Error('busy'), { response }) }));
    expect(error).toMatchObject({ status: 503, retryAfterMs: 1000 });
  });

  const bodies: Array<[string, object, unknown]> = [
    ['error', { error: { type: 'quota', code: 'q' } }, { type: 'quota', code: 'q' }],
    ['body', { body: { a: [1] } }, { a: [1] }],
    ['responseBody as text', { responseBody: '{"a":1}' }, '{"a":1}'],
    ['data', { data: { message: 'x' } }, { message: 'x' }],
  ];
  test.each(bodies)("the provider's body under `%s` survives", async (_name, fields, body) => {
    const error = await failureOf(new ScriptedRunner({ fails: Object.assign(new Error('no'), fields) }));
    expect((error as RunnerFailedError).body).toEqual(body);
  });

  test('what our own errors carry survives', async () => {
    const cause = new RunnerFailedError('limited', {
      status: 429,
      retryAfterMs: 12,
      body: { code: 'limit' },
      retryable: false,
    });
    const error = (await failureOf(new ScriptedRunner({ fails: cause }))) as RunnerFailedError;
    expect(error).toMatchObject({ status: 429, retryAfterMs: 12, body: { code: 'limit' }, retryable: false });
    expect(error.cause).toBe(cause);
  });

  test.each([
    [400, false],
    [401, false],
    [408, true],
    [409, true],
    [429, true],
    [500, true],
    [503, true],
  ])('status %i is retryable: %s', async (status, retryable) => {
    expect(await failureOf(new ScriptedRunner({ fails: Object.assign(new Error('no'), { status }) }))).toMatchObject({
      status,
      retryable,
    });
  });

  test('a failure after done does not spoil the answer, but is noted', async () => {
    setInferenceRunner(
      bothWays([text('a'), { type: 'done', text: 'a', toolCalls: [] }], { fails: new Error('late') })[
        'an emitter runner'
      ],
    );
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST);
    expect((await stream.result()).text).toBe('a');
    expect((await engine.eventLog.call(stream.traceId))?.notes).toMatchObject([{ code: 'failed-after-done' }]);
  });
});

describe('retries', () => {
  const failing = (fields: object = {}) => ({ fails: Object.assign(new Error('no'), fields) });
  const retry = { attemptsMax: 3, backoffMs: 1 };

  test('are off by default', async () => {
    const runner = new ScriptedRunner(failing(), { events: [text('ok')] });
    await failureOf(runner);
    expect(runner.runs).toHaveLength(1);
  });

  test('run the same runner again until it succeeds, each attempt recorded with its number', async () => {
    const runner = new ScriptedRunner(failing(), failing({ status: 503 }), { events: [text('ok')] });
    setInferenceRunner(runner);
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST, { retry });
    expect((await stream.result()).text).toBe('ok');
    expect(runner.runs.map(({ emitter }) => emitter.attempt)).toEqual([1, 2, 3]);
    const failures = (await engine.eventLog.call(stream.traceId))?.attempts.filter(({ failure }) => failure);
    expect(failures?.map(({ attempt, failure }) => [attempt, failure?.code])).toEqual([
      [1, 'runner-failed'],
      [2, 'runner-failed'],
    ]);
  });

  test('end with the last failure', async () => {
    const last = failing();
    const runner = new ScriptedRunner(failing(), failing(), last);
    const error = (await failureOf(runner, { retry })) as RunnerFailedError;
    expect(runner.runs).toHaveLength(3);
    expect(error.attempt).toBe(3);
    expect(error.cause).toBe(last.fails);
  });

  test.each([
    ['a status that will not pass', { status: 400 }],
    ['the runner saying so', { retryable: false }],
    ['a provider that asks for more than the longest wait', { status: 429, retryAfterMs: 3_600_000 }],
  ])('are not made after %s', async (_name, fields) => {
    const runner = new ScriptedRunner(failing(fields), { events: [text('ok')] });
    await failureOf(runner, { retry });
    expect(runner.runs).toHaveLength(1);
  });

  test('are not made once content was delivered', async () => {
    const runner = new ScriptedRunner({ events: [text('half')], ...failing() }, { events: [text('whole')] });
    expect(await failureOf(runner, { retry })).toMatchObject({ text: 'half' });
    expect(runner.runs).toHaveLength(1);
  });

  test('leaving while one is waited for ends the call', async () => {
    const runner = new ScriptedRunner(failing());
    setInferenceRunner(runner);
    const stream = newEngine().generateTrackedStream(REQUEST, { retry: { attemptsMax: 2, backoffMs: 1_000_000 } });
    const pending = stream.next();
    while (runner.runs.length === 0) await Promise.resolve();
    await stream.return();
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(runner.runs).toHaveLength(1);
  });
});

describe('timeouts', () => {
  const hang = (before: number) => async (_request: unknown, emitter: package_.EventEmitter) => {
    for (let n = 0; n < before; n += 1) await emitter.emit(text('x'));
    await aborted(emitter.signal);
  };
  const generator = (before: number) =>
    async function* (_request: unknown, { signal }: package_.EventEmitter) {
      for (let n = 0; n < before; n += 1) yield text('x');
      await aborted(signal);
    };
  const clocks = { firstEventMs: null, idleMs: null, totalMs: null };
  const cases: Array<[string, number, Partial<Record<'firstEventMs' | 'idleMs' | 'totalMs', number>>, string]> = [
    ['no first event', 0, { firstEventMs: 5 }, 'first-event'],
    ['no further event', 1, { idleMs: 5 }, 'idle'],
    ['no ending', 1, { totalMs: 5 }, 'total'],
    ['no first event, by the total time', 0, { totalMs: 5 }, 'total'],
  ];
  for (const [way, make] of Object.entries({ emitter: hang, generator })) {
    test.each(cases)(`%s, of an ${way} runner`, async (_name, before, timeouts, kind) => {
      const signals: AbortSignal[] = [];
      const runner = make(before);
      const error = await failureOf(
        ((request: package_.GenerateRequest, emitter: package_.EventEmitter) => {
          signals.push(emitter.signal);
          return runner(request, emitter);
        }) as package_.RunnerLike,
        { timeouts: { ...clocks, ...timeouts } },
      );
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error).toMatchObject({ code: 'timeout', kind, timeoutMs: 5, retryable: true });
      expect((error as TimeoutError).text ?? '').toBe('x'.repeat(before));
      expect(signals[0]?.reason).toBeInstanceOf(TimeoutError);
    });
  }

  test('a runner that does not stop is sealed off after its grace', async () => {
    const error = await failureOf(() => new Promise(() => {}), {
      timeouts: { ...clocks, firstEventMs: 2, graceMs: 2 },
    });
    expect(error).toMatchObject({ code: 'timeout', kind: 'first-event' });
  });

  test('a runner that does not settle after done is sealed off after its grace, and the answer stands', async () => {
    setInferenceRunner(async (_request, { emit }) => {
      await emit(text('a'));
      emit({ type: 'done', text: 'a', toolCalls: [] });
      await new Promise(() => {});
    });
    const engine = newEngine({ timeouts: { graceMs: 2 } });
    const stream = engine.generateTrackedStream(REQUEST);
    expect((await stream.result()).text).toBe('a');
    expect((await engine.eventLog.call(stream.traceId))?.notes).toMatchObject([{ code: 'sealed-off' }]);
  });

  test("a call's own timeouts replace the engine's, field by field", async () => {
    setInferenceRunner(hang(0));
    const stream = newEngine({ timeouts: { firstEventMs: 3_600_000, graceMs: 1 } }).generateTrackedStream(REQUEST, {
      timeouts: { firstEventMs: 3 },
    });
    expect(await rejection(stream.next())).toMatchObject({ kind: 'first-event', timeoutMs: 3 });
  });

  test('a slow consumer is not the fault of its runner: the idle time stands still', async () => {
    setInferenceRunner(async function* () {
      yield text('a');
      yield text('b');
    });
    const stream = newEngine({ timeouts: { idleMs: 2 } }).generateTrackedStream(REQUEST);
    await stream.next();
    // Another call's clock tells when more than the idle time has passed.
    setInferenceRunner(hang(0));
    await rejection(newEngine({ timeouts: { ...clocks, firstEventMs: 10 } }).generate(REQUEST));
    expect((await collect(stream)).failed).toBe(false);
  });
});

describe('two copies of the package', () => {
  const root = dirname(createRequire(import.meta.url).resolve('car-inference/package.json'));
  let folder = '';
  let copy: typeof package_;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'car-inference-'));
    for (const part of ['package.json', 'index.js', 'dist', 'native']) {
      cpSync(join(root, part), join(folder, part), { recursive: true });
    }
    copy = createRequire(join(folder, 'x.js'))('./index.js') as typeof package_;
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('are two copies', () => {
    expect(copy.InferenceError).not.toBe(InferenceError);
    expect(copy.setInferenceRunner).not.toBe(setInferenceRunner);
  });

  test('know each other by class check, and do not take one class for another', () => {
    const theirs = new copy.RunnerDeclinedError('no');
    expect(theirs).toBeInstanceOf(RunnerDeclinedError);
    expect(theirs).toBeInstanceOf(RunnerError);
    expect(InferenceError.isInstance(theirs)).toBe(true);
    expect(theirs).not.toBeInstanceOf(RunnerFailedError);
    expect(new TimeoutError('m', { kind: 'total', timeoutMs: 1 })).toBeInstanceOf(copy.TimeoutError);
    expect(new TimeoutError('m', { kind: 'total', timeoutMs: 1 })).not.toBeInstanceOf(copy.CancelledError);
  });

  test("a runner may decline with the other copy's error", async () => {
    const error = await failureOf(new ScriptedRunner({ fails: new copy.RunnerDeclinedError('no', { status: 401 }) }));
    expect(error).toMatchObject({ code: 'runner-declined', status: 401 });
  });
});
