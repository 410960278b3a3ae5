/** Options of a log, and what its methods are given: whatever it is, the error names each path, and nothing is opened. */
import { generateKeyPairSync } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { EventLog, InferenceEngine, InvalidRequestError } from 'car-inference';
import { describe, expect, test } from 'vitest';
import { rejection } from './support/collect';
import { all, newPath, openLog } from './support/log';

const hostile = Object.defineProperty({}, 'durability', {
  enumerable: true,
  get() {
    throw new Error('hands off');
  },
});
const inherited = Object.create({ durability: 'nonsense' });

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function trapped(): object {
  const throws = () => {
    throw new Error('hands off');
  };
  return new Proxy({}, { get: throws, ownKeys: throws, has: throws, getOwnPropertyDescriptor: throws });
}

const seed = new Uint8Array(32);
const checkpoint = { key: seed, onCheckpoint: () => {} };
const { privateKey: rsaKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
const { publicKey } = generateKeyPairSync('ed25519');

const WRONG: Array<[name: string, options: () => unknown, paths: string[]]> = [
  ['nothing', () => null, ['options']],
  ['a number', () => 5, ['options']],
  ['a symbol', () => Symbol('options'), ['options']],
  ['an array', () => [], ['options']],
  ['a getter that throws', () => hostile, ['options']],
  ['a revoked proxy', revoked, ['options']],
  ['a proxy that throws', trapped, ['options']],
  ['an unknown field', () => ({ durable: true }), ['durable']],
  ['an unknown mode', () => ({ durability: 'none' }), ['durability']],
  ['an unknown access', () => ({ access: 'append' }), ['access']],
  ['a time that is NaN', () => ({ lockWaitMs: Number.NaN }), ['lockWaitMs']],
  ['a time that is infinite', () => ({ lockWaitMs: Number.POSITIVE_INFINITY }), ['lockWaitMs']],
  ['a time below zero', () => ({ lockWaitMs: -1 }), ['lockWaitMs']],
  ['a time that is no whole number', () => ({ lockWaitMs: 0.5 }), ['lockWaitMs']],
  ['a time beyond all numbers', () => ({ lockWaitMs: 1e300 }), ['lockWaitMs']],
  ['a time that is a BigInt', () => ({ lockWaitMs: 5n }), ['lockWaitMs']],
  ['a bound of nothing', () => ({ queueBytesMax: 0 }), ['queueBytesMax']],
  ['a flag that is text', () => ({ fullTextSearch: 'yes' }), ['fullTextSearch']],
  ['a retention without a bound', () => ({ retention: {} }), ['retention']],
  ['a retention that only keeps', () => ({ retention: { keep: ['a'] } }), ['retention']],
  ['a retention below zero', () => ({ retention: { maxAge: -1 } }), ['retention.maxAge']],
  ['a retention of a word', () => ({ retention: { maxAge: '30d' } }), ['retention.maxAge']],
  ['a retention in a proxy that throws', () => ({ retention: trapped() }), ['retention']],
  ['an expression that is none', () => ({ redaction: { patterns: ['('] } }), ['redaction.patterns[0]']],
  ['a path of fields that is none', () => ({ redaction: { fields: ['a..b'] } }), ['redaction.fields[0]']],
  ['a short key', () => ({ key: new Uint8Array(31) }), ['key']],
  ['a key as text', () => ({ key: '0'.repeat(64) }), ['key']],
  ['no key', () => ({ key: null }), ['key']],
  ['a key that is public', () => ({ key: publicKey }), ['key']],
  ['a key and an index of words', () => ({ key: seed, fullTextSearch: true }), ['fullTextSearch']],
  ['an observer that is none', () => ({ observe: 'me' }), ['observe']],
  ['no checkpoint', () => ({ checkpoint: null }), ['checkpoint']],
  ['a checkpoint that is a number', () => ({ checkpoint: 5 }), ['checkpoint']],
  ['a checkpoint in a revoked proxy', () => ({ checkpoint: revoked() }), ['checkpoint']],
  ['an empty checkpoint', () => ({ checkpoint: {} }), ['checkpoint.key', 'checkpoint.onCheckpoint']],
  ['a checkpoint of an RSA key', () => ({ checkpoint: { ...checkpoint, key: rsaKey } }), ['checkpoint.key']],
  ['a checkpoint of a public key', () => ({ checkpoint: { ...checkpoint, key: publicKey } }), ['checkpoint.key']],
  ['checkpoints all the time', () => ({ checkpoint: { ...checkpoint, everyMs: 0 } }), ['checkpoint.everyMs']],
  ['checkpoints after NaN', () => ({ checkpoint: { ...checkpoint, everyMs: Number.NaN } }), ['checkpoint.everyMs']],
  ['checkpoints after aeons', () => ({ checkpoint: { ...checkpoint, everyMs: 2 ** 31 } }), ['checkpoint.everyMs']],
  [
    'much at once for Rust',
    () => ({ durability: 5, access: 5, lockWaitMs: 'x' }),
    ['access', 'durability', 'lockWaitMs'],
  ],
  [
    'much at once',
    () => ({ key: 'k', observe: 5, checkpoint: { key: 1, everyMs: 'x', onCheckpoint: null } }),
    ['checkpoint.everyMs', 'checkpoint.key', 'checkpoint.onCheckpoint', 'key', 'observe'],
  ],
];

describe('options of a log', () => {
  test.each(WRONG)('%s', async (_name, make, paths) => {
    const path = newPath();
    const error = (await rejection(EventLog.open(path, make() as never))) as InvalidRequestError;
    expect(error).toBeInstanceOf(InvalidRequestError);
    expect(error.problems.map((problem) => problem.path).sort()).toEqual(paths);
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  test('that are inherited count as little as they do in JSON', async () => {
    expect(await (await openLog(newPath(), inherited)).stats()).toMatchObject({ calls: 0 });
  });

  test('are read once', async () => {
    let reads = 0;
    const options = {
      get durability() {
        reads += 1;
        return 'call' as const;
      },
      checkpoint: {
        key: seed,
        get onCheckpoint() {
          reads += 1;
          return () => {};
        },
      },
    };
    await openLog(newPath(), options);
    expect(reads).toBe(2);
  });

  test('a secret that is not fit for its place is in no message', async () => {
    const secret = 'correct horse battery staple';
    for (const options of [{ key: secret }, { checkpoint: { ...checkpoint, key: secret } }]) {
      const error = (await rejection(EventLog.open(newPath(), options as never))) as Error;
      expect(error).toBeInstanceOf(InvalidRequestError);
      expect(JSON.stringify(error) + error.message + String(error.stack)).not.toContain(secret);
    }
  });
});

describe('the log of an engine', () => {
  test.each<[string, unknown]>([
    ['a number', 5],
    ['nothing', null],
    ['a symbol', Symbol('log')],
    ['an object', {}],
    ['what looks like a log', Object.create(EventLog.prototype)],
    ['a revoked proxy', revoked()],
    ['a proxy that throws', trapped()],
  ])('%s is none', (_name, eventLog) => {
    const problems = [{ path: 'eventLog', message: expect.stringContaining('an EventLog') }];
    expect(() => new InferenceEngine({ eventLog } as never)).toThrow(expect.objectContaining({ problems }));
  });

  test('a log in a proxy is none', async () => {
    const eventLog = new Proxy(await openLog(), {});
    expect(() => new InferenceEngine({ eventLog })).toThrow(InvalidRequestError);
  });

  test('undefined is the one in memory', async () => {
    const engine = new InferenceEngine({ eventLog: undefined });
    expect(engine.eventLog.path).toBeUndefined();
    expect(await engine.eventLog.stats()).toMatchObject({ calls: 0, openCalls: 0 });
  });
});

/** Each rejects, rather than throw: who awaits need not guard the call as well. */
const QUESTIONS: Array<[name: string, ask: (log: EventLog) => Promise<unknown>, paths: string[]]> = [
  ['calls of a filter that is null', (log) => all(log.calls(null as never)), ['']],
  ['calls of an array', (log) => all(log.calls([] as never)), ['']],
  ['calls of an unknown field', (log) => all(log.calls({ user: 'me' } as never)), ['user']],
  ['calls of an unknown status', (log) => all(log.calls({ status: 'lost' as never })), ['status']],
  ['calls since a Date that is none', (log) => all(log.calls({ since: new Date('nonsense') })), ['since']],
  ['calls until text', (log) => all(log.calls({ until: 'now' as never })), ['until']],
  ['fewer calls than none', (log) => all(log.calls({ limit: -1 })), ['limit']],
  ['a page and half a call', (log) => all(log.calls({ limit: 50.5 })), ['limit']],
  ['NaN calls', (log) => all(log.calls({ limit: Number.NaN })), ['limit']],
  ['calls after no cursor', (log) => all(log.calls({ cursor: 'nonsense' })), ['cursor']],
  ['calls of a text without words', (log) => all(log.calls({ text: '?!' })), ['text']],
  ['calls of a proxy that throws', (log) => all(log.calls(trapped() as never)), ['']],
  ['calls of tags that throw', (log) => all(log.calls({ tags: trapped() as never })), ['tags']],
  ['calls in no order', (log) => all(log.calls({ order: 'random' as never })), ['order']],
  ['events of a range that is null', (log) => all(log.events('id', null as never)), ['']],
  ['events from text', (log) => all(log.events('id', { from: 'one' as never })), ['from']],
  ['events from below', (log) => all(log.events('id', { from: -1 })), ['from']],
  ['events of an unknown field', (log) => all(log.events('id', { limit: 5 } as never)), ['limit']],
  ['pruning nothing', (log) => log.prune(undefined as never), ['']],
  ['pruning a field that is unknown', (log) => log.prune({ days: 5 } as never), ['days']],
  ['pruning to an age of NaN', (log) => log.prune({ maxAge: Number.NaN }), ['maxAge']],
  ['erasing nothing', (log) => log.erase({}), ['']],
  ['erasing null', (log) => log.erase(null as never), ['']],
  ['erasing a tag that is a number', (log) => log.erase({ tag: 5 as never }), ['tag', '']],
  ['verifying with null', (log) => log.verify(null as never), ['']],
  ['a checkpoint of a short seed', (log) => log.checkpoint(new Uint8Array(31)), ['key']],
  ['a new key that is text', (log) => log.rotateKey('secret' as never), ['key']],
  ['a tail from the middle', async (log) => log.tail({ from: 'middle' as never }), ['from']],
  ['a tail of null', async (log) => log.tail(null as never), ['']],
  ['a tail after a number', async (log) => log.tail({ after: 5 as never }), ['after']],
];

test('a checkpoint that is none is no checkpoint to verify with', async () => {
  const error = (await rejection((await openLog()).verify({ checkpoint: {} as never }))) as InvalidRequestError;
  expect(error).toBeInstanceOf(InvalidRequestError);
  expect(error.problems.map(({ path }) => path)).toContain('checkpoint.signature');
});

describe.each(['durable', 'in memory'])('a question to a log that is %s', (kind) => {
  const open = async () => (kind === 'durable' ? openLog() : new InferenceEngine().eventLog);

  test.each(QUESTIONS)('%s', async (_name, ask, paths) => {
    const log = await open();
    const asked = (() => {
      try {
        return ask(log);
      } catch (error) {
        return { thrown: error };
      }
    })();
    expect(asked).not.toHaveProperty('thrown');
    const error = (await rejection(asked as Promise<unknown>)) as InvalidRequestError;
    expect(error).toBeInstanceOf(InvalidRequestError);
    expect(new Set(error.problems.map(({ path }) => path.split(/[.[]/)[0]))).toEqual(new Set(paths));
    // And the log is none the worse for it.
    expect(await log.stats()).toMatchObject({ calls: 0 });
  });

  test.each<[string, (log: EventLog) => Promise<unknown>]>([
    ['a call', (log) => log.call(5 as never)],
    ['events', (log) => all(log.events(Symbol('id') as never))],
  ])('%s of a trace id that is no text is a TypeError', async (_name, ask) => {
    expect(await rejection(ask(await open()))).toBeInstanceOf(TypeError);
  });

  test.each<[string, (log: EventLog) => Promise<unknown>]>([
    ['a path that is none', (log) => log.backup(5 as never)],
    ['an observer that is none', async (log) => log.observe(null as never)],
    ['a stream that is none', (log) => log.export(null as never)],
    ['lines that are none', (log) => log.import(5 as never)],
  ])('%s is a TypeError', async (_name, ask) => {
    expect(await rejection(ask(await open()))).toBeInstanceOf(TypeError);
  });

  test.each<[string, (log: EventLog) => AsyncIterable<unknown>]>([
    ['no call', (log) => log.calls({ limit: 0 })],
    ['more calls than there are numbers for', (log) => log.calls({ limit: 1e300 })],
    ['events of a call that is unknown', (log) => log.events('unknown')],
    ['events from beyond', (log) => log.events('unknown', { from: Number.MAX_SAFE_INTEGER })],
    ['calls of a trace id with a NUL', (log) => log.calls({ parentTraceId: '\0' })],
    ['calls of half a character', (log) => log.calls({ clientRef: '\ud800' })],
  ])('%s is an answer', async (_name, ask) => {
    expect(await all(ask(await open()))).toEqual([]);
  });
});
