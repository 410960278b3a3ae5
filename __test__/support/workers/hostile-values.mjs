/**
 * Values that a host may hand over by mistake or from a hostile source, each made anew: most cannot be sent to a thread,
 * so a thread makes its own.
 */
import { runInNewContext } from 'node:vm';

/** `levels` objects within each other. */
export function nested(levels) {
  let value = 1;
  for (let level = 0; level < levels; level += 1) value = { a: value };
  return value;
}

/** One object at the bottom, referred to from two places on each of `levels` levels. */
function doubled(levels) {
  let value = {};
  for (let level = 0; level < levels; level += 1) value = { a: value, b: value };
  return value;
}

/** Two new objects whenever it is looked at, on each of `levels` levels. */
function endless(levels) {
  if (levels === 0) return {};
  const read = () => endless(levels - 1);
  return withGetter(withGetter({}, 'a', read), 'b', read);
}

export function revoked() {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/** A getter that gives these values in turn, then the last of them. */
function inTurn(...values) {
  let at = 0;
  return () => values[Math.min(at++, values.length - 1)];
}

function withGetter(fields, name, get) {
  return Object.defineProperty(fields, name, { enumerable: true, get });
}

function throwing() {
  throw new Error('hands off');
}

const custom = (data) => ({ type: 'custom', name: 'x', data });
const text = (value) => ({ type: 'text-delta', text: value });

class Delta {
  type = 'text-delta';
  text = 'of a class';
  #secret = 1;
  secret = () => this.#secret;
}

class Inheriting {
  get type() {
    return 'warning';
  }
  get message() {
    return 'x';
  }
}

function cyclic() {
  const data = { list: [] };
  data.list.push({ back: data.list });
  return data;
}

const COUNTS = [
  'inputTokens',
  'outputTokens',
  'totalTokens',
  'cacheReadInputTokens',
  'cacheCreationInputTokens',
  'reasoningTokens',
];
const NUMBERS = {
  NaN: Number.NaN,
  infinity: Number.POSITIVE_INFINITY,
  'minus infinity': Number.NEGATIVE_INFINITY,
  'a BigInt': 5n,
  'a fraction': 0.5,
  'a negative number': -1,
  'more than 64 bits': 2 ** 64,
  'the largest number': Number.MAX_VALUE,
  'a symbol': Symbol('x'),
  'a numeric string': '5',
};

/** By their names. Functions make them, so that none is used twice. */
export const VALUES = {
  // Objects
  'frozen with frozen data': () => Object.freeze(custom(Object.freeze({ list: Object.freeze([1]) }))),
  sealed: () => Object.seal(text('sealed')),
  'of a class': () => new Delta(),
  'without a prototype': () => Object.assign(Object.create(null), text('bare')),
  'of another context': () =>
    runInNewContext('({ type: "custom", name: "x", data: { list: [1, { a: null }], empty: {} } })'),
  'an array of another context': () => runInNewContext('[]'),
  'a proxy that passes everything on': () => new Proxy(custom({ a: 1 }), {}),
  'data in a proxy': () => custom(new Proxy({ a: [1] }, {})),
  'a revoked proxy': () => revoked(),
  'data in a revoked proxy': () => custom({ inner: revoked() }),
  'a proxy whose keys throw': () => custom(new Proxy({}, { ownKeys: throwing })),
  'a proxy that gives other keys than it has': () =>
    custom(
      new Proxy(
        {},
        {
          ownKeys: () => ['a'],
          getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true, value: 1 }),
          get: () => 7,
        },
      ),
    ),
  'fields that are inherited getters': () => new Inheriting(),
  'text that is inherited': () => Object.create(text('inherited')),
  'a getter that throws in the data': () => custom({ list: [0, withGetter({}, 'inner', throwing)] }),
  'a getter that throws the second time': () => {
    let reads = 0;
    return withGetter({ type: 'text-delta' }, 'text', () => (reads++ === 0 ? 'read once' : throwing()));
  },
  'a type that changes between reads': () =>
    withGetter({ text: 'x', message: 'm' }, 'type', inTurn('text', 'warning', 'error')),
  'text that changes between reads': () => withGetter({ type: 'text-delta' }, 'text', inTurn('first', 'second')),
  'text that is none the first time': () => withGetter({ type: 'text-delta' }, 'text', inTurn(5, 'second')),
  'a count that changes between reads': () => withGetter({ type: 'usage' }, 'outputTokens', inTurn(1, 2, 3)),
  'data that changes between reads': () => custom(withGetter({}, 'n', inTurn(null, 1, 2))),
  '__proto__ and constructor as keys': () =>
    custom(
      JSON.parse(
        '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1,"hasOwnProperty":null}',
      ),
    ),
  '__proto__ as the name of a tool': () => ({
    type: 'tool-call-start',
    index: 0,
    name: '__proto__',
    id: 'constructor',
  }),
  'a toJSON beside the fields': () => ({ ...text('field'), toJSON: () => ({ type: 'warning', message: 'json' }) }),
  'a toJSON in the data': () => custom({ at: new Date(0), own: { toJSON: (key) => `key ${key}` } }),
  'a toJSON that gives a BigInt': () => custom({ own: { toJSON: () => 5n } }),
  'a toJSON that throws in the data': () => custom({ own: { toJSON: throwing } }),
  'a toJSON that never comes to an end': () => {
    const endless = { toJSON: () => ({ next: { ...endless } }) };
    return custom(endless);
  },
  'a BigInt deep in the data': () => custom({ list: [1, { n: 5n }] }),
  'a symbol in an array': () => custom([Symbol('x')]),
  'a function in an array': () => custom([() => {}]),
  'undefined in an array': () => custom([undefined]),
  'properties that JSON leaves out': () =>
    custom({ a: undefined, b: () => {}, c: Symbol('x'), [Symbol('key')]: 1, kept: true }),
  'an array with holes': () => custom(new Array(1)),
  'a Map': () => custom({ inner: new Map([[1, 2]]) }),
  'a Set': () => custom(new Set([1])),
  'a Promise': () => custom(Promise.resolve(1)),
  'an Error': () => custom({ inner: new Error('x') }),
  'a RegExp': () => custom(/x/),
  'a WeakRef': () => custom(new WeakRef({})),
  'an ArrayBuffer': () => custom(new ArrayBuffer(4)),
  'a SharedArrayBuffer': () => custom(new SharedArrayBuffer(4)),
  'a typed array': () => custom({ bytes: new Uint8Array([1, 2]) }),
  'a typed array over shared memory': () => custom({ bytes: new Int32Array(new SharedArrayBuffer(8)) }),
  'an empty typed array': () => custom(new Float64Array(0)),
  'a DataView': () => custom(new DataView(new ArrayBuffer(4))),
  'a Buffer': () => custom(Buffer.from('hi')),
  'boxed primitives': () => ({
    type: 'custom',
    name: new String('x'),
    data: [new Number(1), new Boolean(false), new String('s')],
  }),
  'a boxed NaN': () => custom({ n: new Number(Number.NaN) }),
  'a Date that is none': () => custom({ at: new Date(Number.NaN) }),
  'a cycle': () => custom(cyclic()),
  'one object in two places': () => {
    const shared = { a: 1 };
    return custom([shared, shared]);
  },
  'a BigInt after one object in countless places': () => custom([doubled(18), 5n]),
  'JSON that fails, and then countless paths to one object': () =>
    custom(withGetter({}, 'inner', inTurn(5n, doubled(100)))),
  'JSON that fails, and then countless objects': () => custom(withGetter({}, 'inner', inTurn(5n, endless(100)))),

  // Depth. An event is one level itself.
  '126 levels of data': () => custom(nested(126)),
  '127 levels of data': () => custom(nested(127)),
  '10,000 levels of data': () => custom(nested(10_000)),
  '1,000,000 levels of data': () => custom({ list: [nested(1_000_000)] }),
  '10,000 levels of an output item': () => ({ type: 'provider-output-item', item: [nested(10_000)] }),
  '10,000 levels of a field nobody knows': () => ({ ...text('x'), type: 'refusal-delta', extra: nested(10_000) }),

  // Numbers
  ...Object.fromEntries(
    Object.entries(NUMBERS).flatMap(([name, number]) => [
      ...COUNTS.map((count) => [`usage: ${count} is ${name}`, () => ({ type: 'usage', [count]: number })]),
      [`reasoning-delta: index is ${name}`, () => ({ type: 'reasoning-delta', index: number, text: '' })],
      [`tool-call-start: index is ${name}`, () => ({ type: 'tool-call-start', index: number, name: 'f' })],
      [`tool-call-delta: index is ${name}`, () => ({ type: 'tool-call-delta', index: number, argumentsDelta: '' })],
      [`tool-call-end: index is ${name}`, () => ({ type: 'tool-call-end', index: number })],
    ]),
  ),
  'negative zero as index': () => ({ type: 'reasoning-delta', index: -0, text: 'x' }),
  'negative zero as count': () => ({ type: 'usage', inputTokens: -0 }),
  'negative zero in data': () => custom(-0),
  'a count beyond what is exact': () => ({ type: 'usage', inputTokens: 2 ** 53 + 2, outputTokens: 2 ** 63 }),
  'an index beyond 32 bits': () => ({ type: 'reasoning-delta', index: 2 ** 32, text: 'x' }),
  'numbers of all sizes': () =>
    custom([
      0.1,
      1 / 3,
      5e-324,
      Number.MAX_VALUE,
      -Number.MAX_VALUE,
      2 ** 53 + 2,
      2 ** 63,
      2 ** 64,
      1e21,
      -(2 ** 63),
      1e-7,
      123456789.12345679,
    ]),
  'NaN in data': () => custom({ list: [0, Number.NaN] }),
  'infinity in data': () => custom({ n: Number.POSITIVE_INFINITY }),
};

/** Throwables, likewise. */
export const THROWN = {
  undefined: () => undefined,
  null: () => null,
  'a symbol': () => Symbol('x'),
  'a BigInt': () => 5n,
  'a function': () => () => {},
  'a string with half a pair': () => 'a\ud83d',
  'a frozen error': () => Object.freeze(new Error('frozen')),
  'an error of another context': () => runInNewContext('new RangeError("elsewhere")'),
  'an object without a message': () => ({}),
  'an object whose message is no text': () => ({ message: 5n }),
  'an error whose every field throws': () =>
    [
      'message',
      'name',
      'code',
      'status',
      'stack',
      'cause',
      'body',
      'headers',
      'response',
      'retryable',
      'retryAfterMs',
      'error',
      'data',
    ].reduce((error, name) => Object.defineProperty(error, name, { get: throwing }), new Error('x')),
  'an error with half pairs everywhere': () =>
    Object.assign(new Error('a\ud83d'), {
      name: 'n\ud83d',
      code: 'c\ud83d',
      stack: 's\ud83d',
      body: { 'k\ud83d': 'v\ud83d' },
    }),
  'an error with NaN for numbers': () =>
    Object.assign(new Error('numbers'), { status: Number.NaN, retryAfterMs: Number.NaN, code: Number.NaN }),
  'an error that wants to be tried again never': () =>
    Object.assign(new Error('numbers'), { retryAfterMs: Number.POSITIVE_INFINITY, status: 1e300 }),
  'an error with a body of 200 levels': () => Object.assign(new Error('deep'), { body: nested(200) }),
  'an error with a body of 10,000 levels': () => Object.assign(new Error('deep'), { body: nested(10_000) }),
  'an error with a cyclic body': () => Object.assign(new Error('cyclic'), { body: cyclic() }),
  'an error with a BigInt as body': () => Object.assign(new Error('bigint'), { body: { n: 5n } }),
  'an error that is its own cause': () => {
    const error = new Error('own cause');
    error.cause = error;
    return error;
  },
  'an error with a million characters': () => new Error('m'.repeat(1_000_000)),
  'an error of NULs': () => new Error('\0\0'),
  'an error with __proto__ in its body': () =>
    Object.assign(new Error('proto'), { body: JSON.parse('{"__proto__":{"status":1}}') }),
};

/** What a runner may return, likewise. */
export const RESULTS = {
  'text with half a pair': () => ({ text: 'a\ud83db' }),
  'text with NULs': () => ({ text: '\0a\0' }),
  'a frozen result': () => Object.freeze({ text: 'frozen', toolCalls: Object.freeze([]) }),
  'a result of another context': () => runInNewContext('({ text: "elsewhere", toolCalls: [] })'),
  'a result of a proxy': () => new Proxy({ text: 'behind a proxy' }, {}),
  'a result that is a revoked proxy': () => ({ toolCalls: [revoked()] }),
  'text that changes between reads': () => withGetter({}, 'text', inTurn('first', 'second')),
  'a toJSON': () => ({ toJSON: () => ({ text: 'json' }) }),
  '__proto__ among the arguments': () => ({
    toolCalls: [{ name: 'constructor', arguments: JSON.parse('{"__proto__":{"a":1}}') }],
  }),
  'arguments with a BigInt': () => ({ toolCalls: [{ name: 'f', arguments: { list: [5n] } }] }),
  'arguments with NaN': () => ({ toolCalls: [{ name: 'f', arguments: { n: Number.NaN } }] }),
  'arguments that are a Map': () => ({ toolCalls: [{ name: 'f', arguments: new Map() }] }),
  'arguments of shared bytes': () => ({
    toolCalls: [{ name: 'f', arguments: new Uint8Array(new SharedArrayBuffer(4)) }],
  }),
  'arguments of 120 levels': () => ({ toolCalls: [{ name: 'f', arguments: nested(120) }] }),
  'arguments of 10,000 levels': () => ({ toolCalls: [{ name: 'f', arguments: nested(10_000) }] }),
  'argument text of 10,000 levels': () => ({
    toolCalls: [{ name: 'f', arguments: `${'['.repeat(10_000)}${']'.repeat(10_000)}` }],
  }),
  'a getter that throws': () => ({ toolCalls: [withGetter({}, 'name', throwing)] }),
};

/** A runner that hands over one of them. */
export function hostileRunner(way, table, name) {
  const value = { VALUES, THROWN, RESULTS }[table][name];
  const before = { type: 'text-delta', text: 'before' };
  switch (way) {
    case 'emits':
      return async (_request, { emit }) => {
        emit(before);
        await emit(value());
      };
    case 'yields':
      return async function* () {
        yield before;
        yield value();
      };
    case 'returns':
      return async () => value();
    case 'returns from a generator':
      return async function* () {
        yield* [];
        return value();
      };
    case 'throws':
      return async (_request, { emit }) => {
        emit(before);
        throw value();
      };
    case 'throws from a generator':
      return async function* () {
        yield before;
        throw value();
      };
    default:
      throw new Error(`no way is called ${way}`);
  }
}

/** Changes everything in a value that can be changed. */
export function scramble(value) {
  if (typeof value !== 'object' || value === null) return;
  for (const key of Object.keys(value)) {
    scramble(value[key]);
    if (typeof value[key] === 'string') value[key] = 'changed';
    else if (typeof value[key] === 'number') value[key] = 999;
  }
  if (Array.isArray(value)) value.push('more');
  else value.extra = 'more';
}

/** A runner that changes each event as soon as it has handed it over. `handed` holds its objects. */
export function changingRunner(way, events, handed = []) {
  const result = { text: 'some text', toolCalls: [{ id: 'c1', name: 'search', arguments: { q: 'x' } }] };
  if (way === 'emits') {
    return async (_request, { emit }) => {
      for (const event of events.map((event) => structuredClone(event))) {
        handed.push(event);
        const outcome = emit(event);
        scramble(event);
        await outcome;
      }
      setImmediate(() => scramble(result));
      return result;
    };
  }
  return async function* () {
    for (const event of events.map((event) => structuredClone(event))) {
      handed.push(event);
      yield event;
      scramble(event);
    }
    setImmediate(() => scramble(result));
    return result;
  };
}
