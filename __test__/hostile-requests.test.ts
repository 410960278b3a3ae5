/** What a host may hand over with a call or an engine. The request is taken down once; what is wrong names its field. */
import { InferenceEngine, InvalidRequestError, setInferenceRunner } from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { rejection } from './support/collect';
import { MODEL, newEngine, REQUEST } from './support/engine';
import { DELIVERED, WRONG } from './support/hostile-objects';
import { endOf } from './support/soundness';
import { revoked, VALUES } from './support/workers/hostile-values.mjs';

afterEach(() => setInferenceRunner(null).dispose());

/** The data of a custom event, made anew; undefined for other values. */
function dataOf(name: string): unknown {
  const event: unknown = VALUES[name]?.();
  return isReadable(event) ? event.data : undefined;
}

function isReadable(value: unknown): value is { data?: unknown } {
  try {
    return Object.keys(Object(value)).length > 0;
  } catch {
    return false;
  }
}

/** Some are about the event itself, or can only be looked at so often. */
const isData = ([name]: [string, unknown]) =>
  !/changes|proxy that|levels|fails, and|countless/.test(name) && dataOf(name) !== undefined;

const WHERE: Array<[string, (data: unknown) => object, (request: never) => unknown]> = [
  ['providerOptions.own', (own) => ({ providerOptions: { own } }), ({ providerOptions: { own } }) => own],
  ['tools[0].own', (own) => ({ tools: [{ type: 'web_search', own }] }), ({ tools: [{ own }] }) => own],
  [
    'tools[0].providerOptions.own',
    (own) => ({ tools: [{ name: 'f', providerOptions: { own } }] }),
    ({ tools: [{ providerOptions }] }) => providerOptions.own,
  ],
  [
    'messages[0].items[0]',
    (item) => ({ messages: [{ role: 'provider-output-items', protocol: 'p', items: [item] }] }),
    ({ messages: [{ items }] }) => items[0],
  ],
  [
    'messages[0].toolCalls[0].arguments',
    (own) => ({ messages: [{ role: 'assistant', toolCalls: [{ name: 'f', arguments: own }] }] }),
    ({ messages: [{ toolCalls }] }) => toolCalls[0].arguments,
  ],
] as never;

describe.each(WHERE)('in %s', (where, put, find) => {
  test.each(Object.entries(DELIVERED).filter(isData))('%s reaches the runner', async (name, event) => {
    const seen: unknown[] = [];
    setInferenceRunner(async (request) => {
      seen.push(find(request as never));
    });
    const engine = newEngine();
    await endOf(engine, engine.generateTrackedStream({ ...REQUEST, ...put(dataOf(name)) }));
    expect(seen).toEqual([(event as { data: unknown }).data]);
  });

  test.each(Object.entries(WRONG).filter(isData))('%s is an InvalidRequestError', async (name, [path, says]) => {
    let runs = 0;
    setInferenceRunner(async () => {
      runs += 1;
    });
    const engine = newEngine();
    const { error } = await endOf(engine, engine.generateTrackedStream({ ...REQUEST, ...put(dataOf(name)) }));
    expect(runs).toBe(0);
    expect(error).toBeInstanceOf(InvalidRequestError);
    const expected = name.startsWith('a toJSON that never')
      ? expect.stringMatching(/^(providerOptions|tools|messages)/)
      : path.replace('data', where);
    expect(error).toMatchObject({ problems: [{ path: expected, message: expect.stringMatching(says) }] });
  });
});

const hostile = {
  get timeouts() {
    throw new Error('hands off');
  },
};

/** Gives these in turn. */
function turning(field: string, ...values: unknown[]): object {
  return Object.defineProperty({}, field, {
    enumerable: true,
    get: () => {
      const value = values.length > 1 ? values.shift() : values[0];
      if (value instanceof Error) throw value;
      return value;
    },
  });
}

const OPTIONS: Array<[string, () => unknown, string, RegExp]> = [
  ['NaN as a time', () => ({ timeouts: { idleMs: Number.NaN } }), 'timeouts.idleMs', /NaN has no JSON/],
  [
    'infinity as a time',
    () => ({ timeouts: { totalMs: Number.POSITIVE_INFINITY } }),
    'timeouts.totalMs',
    /Infinity has no JSON/,
  ],
  ['a time of 1e300', () => ({ timeouts: { graceMs: 1e300 } }), 'timeouts.graceMs', /expected an integer/],
  ['a negative time', () => ({ timeouts: { idleMs: -1 } }), 'timeouts.idleMs', /at least 0/],
  [
    'a fraction of an event',
    () => ({ limits: { bufferedEventsMax: 0.5 } }),
    'limits.bufferedEventsMax',
    /expected an integer/,
  ],
  ['a BigInt as a bound', () => ({ limits: { callBytesMax: 5n } }), 'limits.callBytesMax', /a BigInt has no JSON/],
  [
    'infinite attempts',
    () => ({ retry: { attemptsMax: Number.POSITIVE_INFINITY } }),
    'retry.attemptsMax',
    /Infinity has no JSON/,
  ],
  ['NaN as a factor', () => ({ retry: { backoffFactor: Number.NaN } }), 'retry.backoffFactor', /NaN has no JSON/],
  ['a Map of times', () => ({ timeouts: new Map() }), 'timeouts', /an object of class Map has no JSON/],
  ['revoked times', () => ({ timeouts: revoked() }), 'timeouts', /cannot be read: .*revoked/],
  [
    'times that cannot be read',
    () => ({ timeouts: turning('idleMs', new Error('hands off')) }),
    'timeouts.idleMs',
    /cannot be read: hands off/,
  ],
  [
    '__proto__ among the times',
    () => ({ timeouts: JSON.parse('{"__proto__":{"idleMs":1}}') }),
    'timeouts.__proto__',
    /unknown field/,
  ],
];

describe('options', () => {
  test.each(OPTIONS)('of an engine: %s', (_name, make, path, says) => {
    expect(() => newEngine(make() as never)).toThrow(
      expect.objectContaining({ code: 'invalid-request', problems: [{ path, message: expect.stringMatching(says) }] }),
    );
  });

  test.each(OPTIONS)('of a call: %s', async (_name, make, path, says) => {
    const engine = newEngine();
    const { error } = await endOf(engine, engine.generateTrackedStream(REQUEST, make() as never));
    expect(error).toBeInstanceOf(InvalidRequestError);
    expect(error).toMatchObject({ problems: [{ path, message: expect.stringMatching(says) }] });
  });

  test('that throw, or are revoked, are told by the stream and not at the call', async () => {
    const engine = newEngine();
    for (const options of [hostile, revoked()]) {
      const { error } = await endOf(engine, engine.generateTrackedStream(REQUEST, options as never));
      expect(error).toMatchObject({ code: 'invalid-request', problems: [{ path: 'options' }] });
    }
    expect(() => new InferenceEngine(hostile as never)).toThrow(
      expect.objectContaining({ problems: [{ path: 'timeouts', message: 'cannot be read: hands off' }] }),
    );
    expect(() => new InferenceEngine(revoked() as never)).toThrow(InvalidRequestError);
  });

  test('are read once: what they give later changes nothing, and may throw', async () => {
    const times = () => turning('idleMs', 5_000, new Error('read twice'));
    const engine = newEngine({ timeouts: times() });
    setInferenceRunner(async () => {});
    await engine.generate(REQUEST, { timeouts: times() });
    const request = turning('prompt', 'once', new Error('read twice'));
    await engine.generate(request as never);
    const model = turning('model', MODEL.id, 'another', new Error('read thrice'));
    const stream = engine.generateTrackedStream(
      Object.defineProperty(model, 'prompt', { value: 'hi', enumerable: true }) as never,
    );
    await stream.result();
    expect(stream.modelUsed).toBe(MODEL.id);
  });
});

describe('models', () => {
  const source = { type: 'delegated' };
  test.each<[string, () => unknown, string]>([
    ['a revoked proxy', () => revoked(), 'models[0]'],
    [
      'an id that cannot be read',
      () =>
        Object.defineProperty({ source }, 'id', {
          enumerable: true,
          get: () => {
            throw new Error('x');
          },
        }),
      'models[0].id',
    ],
    ['an id of a BigInt', () => ({ id: 5n, source }), 'models[0].id'],
    ['no id', () => ({ source }), 'models[0].id'],
    [
      '__proto__ as a field',
      () => JSON.parse('{"id":"m","source":{"type":"delegated"},"__proto__":1}'),
      'models[0].__proto__',
    ],
    ['a Map as source', () => ({ id: 'm', source: new Map() }), 'models[0].source'],
  ])('%s', (_name, make, path) => {
    const problems = [{ path, message: expect.any(String) }];
    expect(() => new InferenceEngine({ models: [make() as never] })).toThrow(expect.objectContaining({ problems }));
    const engine = newEngine();
    const own = path.replace(/^models\[0\]\.?/, '');
    expect(() => engine.registerModel(make() as never)).toThrow(
      expect.objectContaining({ code: 'invalid-request', problems: [{ path: own, message: expect.any(String) }] }),
    );
    expect(engine.models).toHaveLength(1);
  });

  test.each(['__proto__', 'constructor', 'toString'])('%s is an id like any other', async (id) => {
    setInferenceRunner(async () => {});
    const engine = new InferenceEngine({ models: [{ id, source: { type: 'delegated', hint: id } }] });
    expect((await engine.generate({ model: id, prompt: 'hi' })).modelUsed).toBe(id);
    expect(await rejection(newEngine().generate({ model: id, prompt: 'hi' }))).toMatchObject({
      code: 'model-not-found',
    });
  });
});

describe('signals', () => {
  const quiet = { addEventListener() {}, removeEventListener() {} };
  test.each<[string, () => object]>([
    ['that is revoked', () => revoked()],
    [
      'whose aborted cannot be read',
      () =>
        Object.defineProperty({ ...quiet }, 'aborted', {
          get: () => {
            throw new Error('x');
          },
        }),
    ],
  ])('one %s is an InvalidRequestError', async (_name, make) => {
    const engine = newEngine();
    const { error } = await endOf(engine, engine.generateTrackedStream(REQUEST, { signal: make() as never }));
    expect(error).toMatchObject({ code: 'invalid-request' });
  });

  test('one whose aborted can be read only once is told by the stream, and not by its facts', async () => {
    const signal = Object.assign(turning('aborted', false, new Error('read twice')), quiet);
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST, { signal: signal as never });
    expect(stream.traceId).toBe('');
    expect(stream.modelUsed).toBe(MODEL.id);
    expect(await rejection(stream.result())).toMatchObject({
      code: 'invalid-request',
      problems: [{ path: 'signal', message: 'cannot be read: read twice' }],
    });
  });

  test.each<[string, () => unknown]>([
    ['undefined', () => undefined],
    ['a symbol', () => Symbol('x')],
    ['a revoked proxy', () => revoked()],
    ['half a pair', () => 'a\ud83d'],
    ['an object whose message throws', () => turning('message', new Error('hands off'))],
  ])('a reason that is %s reaches the consumer as it is', async (_name, make) => {
    const controller = new AbortController();
    const engine = newEngine();
    setInferenceRunner(async (_request, { cancelled, emit }) => {
      emit({ type: 'text-delta', text: 'a' });
      await cancelled();
    });
    const stream = engine.generateTrackedStream(REQUEST, { signal: controller.signal });
    await stream.next();
    const reason = make();
    controller.abort(reason);
    // In a list, because a promise would look for the `then` of what it is resolved with.
    const [given] = await stream.result().then(
      () => [],
      (thrown) => [thrown],
    );
    if (reason === undefined) expect(given).toMatchObject({ name: 'AbortError' });
    else expect(given === reason).toBe(true);
    expect(await engine.eventLog.call(stream.traceId)).toMatchObject({ status: 'cancelled' });
    const again = engine.generateTrackedStream(REQUEST);
    await again.next();
    await again.cancel(reason);
    expect(await rejection(again.result())).toMatchObject({ code: 'cancelled' });
  });
});

test.each<[string, () => unknown, RegExp]>([
  ['a revoked proxy', () => revoked(), /runner\.run cannot be read: .*revoked/],
  ['a run that cannot be read', () => turning('run', new Error('hands off')), /runner\.run cannot be read: hands off/],
])('%s is no runner', (_name, make, says) => {
  expect(() => setInferenceRunner(make() as never)).toThrow(says);
  expect(() => setInferenceRunner(make() as never)).toThrow(TypeError);
});
