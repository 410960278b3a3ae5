/** Numbers that are none, too large, or not whole: delivered exactly, or an error that names the field. Never rounded. */
import { ProtocolError, setInferenceRunner } from 'car-inference';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { newEngine, REQUEST } from './support/engine';
import { text } from './support/scripted-runner';
import { endOf } from './support/soundness';
import { Thread } from './support/thread';
import { hostileRunner, VALUES } from './support/workers/hostile-values.mjs';

const thread = new Thread();
afterAll(() => thread.terminate());
afterEach(() => setInferenceRunner(null).dispose());

const SAYS: Record<string, RegExp> = {
  NaN: /NaN has no JSON/,
  infinity: /Infinity has no JSON/,
  'minus infinity': /-Infinity has no JSON/,
  'a BigInt': /a BigInt has no JSON/,
  'a fraction': /expected an integer, got the number 0.5/,
  'a negative number': /must be at least 0, is -1/,
  'more than 64 bits': /expected an integer/,
  'the largest number': /expected an integer/,
  'a numeric string': /expected an integer, got the string "5"/,
};

/** Where a count or an index is wrong: the row, the field, what is said. */
const WRONG = Object.keys(VALUES).flatMap((name): Array<[string, string, RegExp]> => {
  const [, field = '', kind = ''] = / ?(?:usage|.*): (\w+) is (.*)$/.exec(name) ?? [];
  const says = SAYS[kind];
  return says === undefined ? [] : [[name, field, says]];
});

const COUNTS = { inputTokens: 2 ** 53 + 2, outputTokens: 2 ** 63 };
const SIZES = [
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
];

const DELIVERED: Array<[string, object]> = [
  ['negative zero as index', { type: 'reasoning-delta', index: 0, text: 'x' }],
  ['negative zero as count', { type: 'usage', inputTokens: 0 }],
  ['negative zero in data', { type: 'custom', name: 'x', data: 0 }],
  ['a count beyond what is exact', { type: 'usage', ...COUNTS }],
  ['an index beyond 32 bits', { type: 'reasoning-delta', index: 2 ** 32, text: 'x' }],
  ['numbers of all sizes', { type: 'custom', name: 'x', data: SIZES }],
  // As in JSON, a property whose value is a symbol is none.
  ['usage: inputTokens is a symbol', { type: 'usage' }],
];

test('every kind of number was tried in every place', () => {
  expect(WRONG).toHaveLength(9 * 10);
});

describe.each(['this thread', 'another thread'])('from a runner of %s', (place) => {
  describe.each(['emits', 'yields'])('that %s it', (way) => {
    async function call(name: string) {
      if (place === 'this thread') setInferenceRunner(hostileRunner(way, 'VALUES', name));
      else await thread.ask('registerHostile', { way, table: 'VALUES', name });
      const engine = newEngine();
      return endOf(engine, engine.generateTrackedStream(REQUEST));
    }

    test.each(WRONG)('%s', async (name, path, says) => {
      const { events, error } = await call(name);
      expect(events).toEqual([text('before')]);
      expect(error).toBeInstanceOf(ProtocolError);
      expect(error).toMatchObject({ problems: [{ path, message: expect.stringMatching(says) }] });
    });

    test.each([
      ['NaN in data', 'data.list[1]', /NaN has no JSON/],
      ['infinity in data', 'data.n', /Infinity has no JSON/],
    ])('%s', async (name, path, says) => {
      const { error } = await call(name);
      expect(error).toMatchObject({ code: 'protocol', problems: [{ path, message: expect.stringMatching(says) }] });
    });

    // `toStrictEqual` tells the two zeros apart.
    test.each(DELIVERED)('%s is delivered exactly', async (name, event) => {
      const { events, error } = await call(name);
      expect(error).toBeUndefined();
      expect(events).toStrictEqual([text('before'), event]);
    });
  });

  test('counts beyond what is exact are in the result as they were given', async () => {
    const name = 'a count beyond what is exact';
    if (place === 'this thread') setInferenceRunner(hostileRunner('emits', 'VALUES', name));
    else await thread.ask('registerHostile', { way: 'emits', table: 'VALUES', name });
    expect((await newEngine().generate(REQUEST)).usage).toEqual(COUNTS);
  });
});
