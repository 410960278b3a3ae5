/**
 * Objects that a runner may hand over as an event, by mistake or in malice. Each is delivered as its JSON, the same to
 * the consumer and in the log, or ends its call with a `ProtocolError` that names the field.
 */
import { ProtocolError, RunnerFailedError, setInferenceRunner } from 'car-inference';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { newEngine, REQUEST } from './support/engine';
import { text } from './support/scripted-runner';
import { endOf } from './support/soundness';
import { Thread } from './support/thread';
import { hostileRunner } from './support/workers/hostile-values.mjs';

const thread = new Thread();
afterAll(() => thread.terminate());
afterEach(() => setInferenceRunner(null).dispose());

const custom = (data: unknown) => ({ type: 'custom', name: 'x', data });

/** What is delivered in its place. */
const DELIVERED: Record<string, unknown> = {
  'frozen with frozen data': custom({ list: [1] }),
  sealed: text('sealed'),
  'of a class': text('of a class'),
  'without a prototype': text('bare'),
  'of another context': custom({ list: [1, { a: null }], empty: {} }),
  'a proxy that passes everything on': custom({ a: 1 }),
  'data in a proxy': custom({ a: [1] }),
  'a proxy that gives other keys than it has': custom({ a: 7 }),
  'text that is inherited': text('inherited'),
  'a getter that throws the second time': text('read once'),
  'a type that changes between reads': { type: 'warning', message: 'm' },
  'text that changes between reads': text('first'),
  'text that is none the first time': text('second'),
  'a count that changes between reads': { type: 'usage', outputTokens: 1 },
  'data that changes between reads': custom({ n: 1 }),
  '__proto__ as the name of a tool': { type: 'tool-call-start', index: 0, name: '__proto__', id: 'constructor' },
  'a toJSON beside the fields': text('field'),
  'a toJSON in the data': custom({ at: '1970-01-01T00:00:00.000Z', own: 'key own' }),
  'properties that JSON leaves out': custom({ kept: true }),
  'a Buffer': custom({ type: 'Buffer', data: [104, 105] }),
  'boxed primitives': custom([1, false, 's']),
  'a Date that is none': custom({ at: null }),
  'one object in two places': custom([{ a: 1 }, { a: 1 }]),
};

/** Which field is wrong, and what is said of it. */
const WRONG: Record<string, [path: string, says: RegExp]> = {
  'an array of another context': ['', /an event must be an object, got an array/],
  'a revoked proxy': ['', /cannot be read: .*revoked/],
  'data in a revoked proxy': ['data.inner', /cannot be read: .*revoked/],
  'a proxy whose keys throw': ['', /cannot be written as JSON: hands off/],
  'fields that are inherited getters': ['', /an object of class Inheriting has no JSON/],
  'a getter that throws in the data': ['data.list[1].inner', /cannot be read: hands off/],
  'a toJSON that gives a BigInt': ['data.own', /a BigInt has no JSON/],
  'a toJSON that throws in the data': ['data.own', /cannot be read: hands off/],
  'a toJSON that never comes to an end': ['data.next.next', /is nested deeper than 127 levels/],
  'a BigInt deep in the data': ['data.list[1].n', /a BigInt has no JSON/],
  'a symbol in an array': ['data[0]', /a symbol has no JSON/],
  'a function in an array': ['data[0]', /a function has no JSON/],
  'undefined in an array': ['data[0]', /undefined has no JSON/],
  'an array with holes': ['data[0]', /undefined has no JSON/],
  'a Map': ['data.inner', /an object of class Map has no JSON/],
  'a Set': ['data', /an object of class Set has no JSON/],
  'a Promise': ['data', /an object of class Promise has no JSON/],
  'an Error': ['data.inner', /an object of class Error has no JSON/],
  'a RegExp': ['data', /an object of class RegExp has no JSON/],
  'a WeakRef': ['data', /an object of class WeakRef has no JSON/],
  'an ArrayBuffer': ['data', /an object of class ArrayBuffer has no JSON/],
  'a SharedArrayBuffer': ['data', /an object of class SharedArrayBuffer has no JSON/],
  'a typed array': ['data.bytes', /a view of bytes has no JSON/],
  'a typed array over shared memory': ['data.bytes', /a view of bytes has no JSON/],
  'an empty typed array': ['data', /a view of bytes has no JSON/],
  'a DataView': ['data', /a view of bytes has no JSON/],
  'a boxed NaN': ['data.n', /NaN has no JSON/],
  'a cycle': ['data.list[0].back', /refers back to an object around it/],
  'JSON that fails, and then countless paths to one object': ['', /cannot be written as JSON: .*BigInt/],
  'JSON that fails, and then countless objects': ['', /cannot be written as JSON: .*BigInt/],
  '127 levels of data': ['data.a.a', /is nested deeper than 127 levels/],
  '10,000 levels of data': ['data.a.a', /is nested deeper than 127 levels/],
  '1,000,000 levels of data': ['data.list[0]', /is nested deeper than 127 levels/],
  '10,000 levels of an output item': ['item[0].a', /is nested deeper than 127 levels/],
  '10,000 levels of a field nobody knows': ['extra.a.a', /is nested deeper than 127 levels/],
};

describe.each(['this thread', 'another thread'])('from a runner of %s', (place) => {
  describe.each(['emits', 'yields'])('that %s it', (way) => {
    async function call(name: string) {
      if (place === 'this thread') setInferenceRunner(hostileRunner(way, 'VALUES', name));
      else await thread.ask('registerHostile', { way, table: 'VALUES', name });
      const engine = newEngine();
      return endOf(engine, engine.generateTrackedStream(REQUEST));
    }

    test.each(Object.entries(DELIVERED))('%s is delivered', async (name, event) => {
      const { events, error } = await call(name);
      expect(error).toBeUndefined();
      expect(events).toEqual([text('before'), event]);
    });

    // A generator awaits what it yields, and so looks for a `then` itself.
    const wrong = Object.entries(WRONG).filter(([name]) => way === 'emits' || name !== 'a revoked proxy');
    test.each(wrong)('%s is an error', async (name, [path, says]) => {
      const { events, error } = await call(name);
      expect(events).toEqual([text('before')]);
      expect(error).toBeInstanceOf(ProtocolError);
      expect(error).toMatchObject({ code: 'protocol', problems: [{ path, message: expect.stringMatching(says) }] });
    });

    test('126 levels of data are delivered', async () => {
      const { events } = await call('126 levels of data');
      const levels = JSON.stringify((events[1] as { data: unknown }).data).split('{').length - 1;
      expect(levels).toBe(126);
    });

    test('__proto__ and constructor are keys like any other, and no prototype changes', async () => {
      const { events } = await call('__proto__ and constructor as keys');
      const { data } = events[1] as unknown as { data: object };
      expect(JSON.stringify(data)).toBe(
        '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1,"hasOwnProperty":null}',
      );
      expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
      expect(({} as { polluted?: number }).polluted).toBeUndefined();
    });
  });

  test('a revoked proxy that is yielded fails the generator itself', async () => {
    if (place === 'this thread') setInferenceRunner(hostileRunner('yields', 'VALUES', 'a revoked proxy'));
    else await thread.ask('registerHostile', { way: 'yields', table: 'VALUES', name: 'a revoked proxy' });
    const engine = newEngine();
    const { error } = await endOf(engine, engine.generateTrackedStream(REQUEST));
    expect(error).toBeInstanceOf(RunnerFailedError);
    expect(error?.message).toMatch(/revoked/);
  });
});
