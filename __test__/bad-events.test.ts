import { type EmitOutcome, ProtocolError, setInferenceRunner } from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { collect, recordOf } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { bothWays, done, text } from './support/scripted-runner';

afterEach(() => setInferenceRunner(null).dispose());

const cyclic: Record<string, unknown> = { type: 'custom', name: 'x' };
cyclic.data = { back: cyclic };

const throwing = (type: string, field: string) =>
  Object.defineProperty({ type }, field, {
    enumerable: true,
    get() {
      throw new Error('hands off');
    },
  });

/** What is emitted, and what the error must name. */
const TABLE: Array<[string, unknown, RegExp]> = [
  ['undefined', undefined, /an event must be an object, got undefined/],
  ['null', null, /an event must be an object, got null/],
  ['a number', 5, /got a number/],
  ['a string', 'x', /got a string/],
  ['a boolean', true, /got a boolean/],
  ['a BigInt', 5n, /got a bigint/],
  ['a symbol', Symbol('x'), /got a symbol/],
  ['a function', () => {}, /got a function/],
  ['an array', [], /got an array/],
  ['an array of events', [text('x')], /got an array/],
  ['an empty object', {}, /type/],
  ['an unknown type', { type: 'text', text: 'x' }, /type/],
  ['a type that is a number', { type: 5 }, /type/],
  ['a foreign event', { id: 'chatcmpl-1', choices: [] }, /type/],
  ['text-delta without text', { type: 'text-delta' }, /text/],
  ['text-delta with a number', { type: 'text-delta', text: 5 }, /text.*string/],
  ['text-delta with null', { type: 'text-delta', text: null }, /text.*string.*null/],
  ['text-delta with a String object', { type: 'text-delta', text: { length: 1 } }, /text.*string/],
  ['reasoning-delta without text', { type: 'reasoning-delta', index: 0 }, /text/],
  ['reasoning-delta with a negative index', { type: 'reasoning-delta', index: -1, text: '' }, /index/],
  ['reasoning-delta with a fraction as index', { type: 'reasoning-delta', index: 0.5, text: '' }, /index/],
  ['reasoning-delta with a signature of bytes', { type: 'reasoning-delta', text: '', signature: [1] }, /signature/],
  ['refusal-delta without text', { type: 'refusal-delta' }, /text/],
  ['tool-call-start without a name', { type: 'tool-call-start', index: 0 }, /name/],
  ['tool-call-start without an index', { type: 'tool-call-start', name: 'x' }, /index/],
  ['tool-call-delta with an object', { type: 'tool-call-delta', index: 0, argumentsDelta: {} }, /argumentsDelta/],
  ['tool-call-delta with a NaN index', { type: 'tool-call-delta', index: Number.NaN, argumentsDelta: '' }, /index/],
  ['tool-call-delta with a string as index', { type: 'tool-call-delta', index: '0', argumentsDelta: '' }, /index/],
  ['tool-call-end without an index', { type: 'tool-call-end' }, /index/],
  ['usage with a string', { type: 'usage', inputTokens: '5' }, /inputTokens/],
  ['usage with a negative number', { type: 'usage', outputTokens: -1 }, /outputTokens/],
  ['usage with a fraction', { type: 'usage', outputTokens: 1.5 }, /outputTokens/],
  ['an unknown stop reason', { type: 'stop-reason', reason: 'tired' }, /reason/],
  ['a file without a media type', { type: 'file', data: '' }, /mediaType/],
  ['a warning without a message', { type: 'warning' }, /message/],
  ['an error note with an Error', { type: 'error', message: new Error('x') }, /message/],
  ['custom without a name', { type: 'custom', data: 1 }, /name/],
  ['custom without data', { type: 'custom', name: 'x', data: undefined }, /data/],
  ['custom with a function as data', { type: 'custom', name: 'x', data: () => {} }, /data/],
  ['custom with a BigInt', { type: 'custom', name: 'x', data: { n: [5n] } }, /data\.n\[0\].*BigInt/],
  ['custom with a cycle', cyclic, /data\.back/],
  ['done without text', { type: 'done' }, /text/],
  ['done with wrong tool calls', { type: 'done', text: '', toolCalls: {} }, /toolCalls/],
  [
    'done with a tool call without a name',
    { type: 'done', text: '', toolCalls: [{ id: 'x' }] },
    /toolCalls\[0\]\.name/,
  ],
  ['a getter that throws', throwing('text-delta', 'text'), /cannot be read: hands off/],
  ['a getter that throws deeper', { type: 'custom', name: 'x', data: throwing('x', 'y') }, /data\.y.*hands off/],
  [
    'a proxy that throws',
    new Proxy(
      {},
      {
        get() {
          throw new Error('hands off');
        },
      },
    ),
    /cannot be read: hands off/,
  ],
  [
    'a toJSON that throws',
    {
      type: 'custom',
      name: 'x',
      data: 1,
      toJSON: () => {
        throw new Error('no JSON');
      },
    },
    /no JSON/,
  ],
  ['a toJSON that gives something else', { type: 'warning', message: 'x', toJSON: () => 5 }, /object/],
];

for (const way of ['an emitter runner', 'a generator runner'] as const) {
  describe(`from ${way}`, () => {
    // A generator awaits what it yields, so a value whose `then` throws fails inside the generator itself.
    const rows = TABLE.filter(([name]) => way === 'an emitter runner' || name !== 'a proxy that throws');
    test.each(rows)('%s ends the call once, with a ProtocolError that names the field', async (_name, event, says) => {
      setInferenceRunner(bothWays([text('before'), event, text('after'), done()])[way]);
      const engine = newEngine();
      const stream = engine.generateTrackedStream(REQUEST);
      const { events, error } = await collect(stream);
      expect(events).toEqual([text('before')]);
      expect(error).toBeInstanceOf(ProtocolError);
      expect(error).toMatchObject({ code: 'protocol', retryable: false, text: 'before', traceId: stream.traceId });
      expect((error as Error).message).toMatch(says);
      expect((error as ProtocolError).problems.length).toBeGreaterThan(0);
      expect(await stream.next()).toEqual({ done: true, value: undefined });
      expect(await recordOf(engine, stream)).toMatchObject({ status: 'failed', failure: { code: 'protocol' } });
    });
  });
}

test('emit answers refused to what is no event, and closed from then on; it never throws', async () => {
  const answers: Array<EmitOutcome | Promise<EmitOutcome>> = [];
  setInferenceRunner((_request, emitter) => {
    for (const event of [5, text('late'), undefined]) answers.push(emitter.emit(event as never));
    expect(emitter.isClosed).toBe(true);
    expect(emitter.signal.reason).toBeInstanceOf(ProtocolError);
  });
  await collect(newEngine().generateTrackedStream(REQUEST));
  expect(answers).toEqual(['refused', 'closed', 'closed']);
});

test('fields that the vocabulary does not know do not get through', async () => {
  setInferenceRunner(bothWays([{ type: 'text-delta', text: 'a', extra: 1 }])['an emitter runner']);
  const { events } = await collect(newEngine().generateTrackedStream(REQUEST));
  expect(events[0]).toEqual(text('a'));
});

describe('an iterator that is none', () => {
  test.each<[string, unknown, RegExp]>([
    ['answers with nothing', () => undefined, /answered undefined instead of/],
    ['answers with a number', () => 5, /answered a number instead of/],
    [
      'throws in a getter',
      () => ({
        get done() {
          throw new Error('hands off');
        },
      }),
      /hands off/,
    ],
  ])('%s: the call fails and names it', async (_name, next, says) => {
    setInferenceRunner((() => ({ [Symbol.asyncIterator]: () => ({ next }) })) as never);
    const { error } = await collect(newEngine().generateTrackedStream(REQUEST));
    expect(error).toMatchObject({ code: 'runner-failed' });
    expect((error as Error).message).toMatch(says);
  });
});
