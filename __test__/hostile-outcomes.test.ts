/** What a runner may throw or return. Whatever is thrown fails the call as it is; what is returned is a result or none. */
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

type Row = Record<string, unknown>;

/** Beside the class and the text until then. */
const THROWN: Record<string, Row> = {
  undefined: { message: 'runner failed: undefined was thrown' },
  null: { message: 'runner failed: null' },
  'a symbol': { message: 'runner failed: Symbol(x)' },
  'a BigInt': { message: 'runner failed: 5' },
  'a function': { message: expect.stringContaining('() => {}') },
  'a string with half a pair': { message: 'runner failed: a\ufffd' },
  'a frozen error': { message: 'runner failed: frozen' },
  'an error of another context': { message: 'runner failed: elsewhere', cause: { name: 'RangeError' } },
  'an object without a message': { message: expect.stringMatching(/runner failed: ./) },
  'an object whose message is no text': { message: expect.stringMatching(/runner failed: ./) },
  'an error whose every field throws': { message: 'runner failed: a value that cannot be read' },
  'an error with half pairs everywhere': { message: 'runner failed: a\ufffd', body: { 'k\ufffd': 'v\ufffd' } },
  'an error with NaN for numbers': { message: 'runner failed: numbers', retryable: true },
  'an error that wants to be tried again never': { message: 'runner failed: numbers' },
  'an error with a body of 200 levels': {
    message: 'runner failed: deep',
    body: expect.stringMatching(/^({"a":){200}1/),
  },
  'an error with a body of 10,000 levels': { message: 'runner failed: deep' },
  'an error with a cyclic body': { message: 'runner failed: cyclic' },
  'an error with a BigInt as body': { message: 'runner failed: bigint' },
  'an error that is its own cause': { message: 'runner failed: own cause' },
  'an error with a million characters': { message: expect.stringMatching(/^runner failed: m{8192}…$/) },
  'an error of NULs': { message: 'runner failed: \0\0' },
  'an error with __proto__ in its body': { message: 'runner failed: proto' },
};

/** What is in the result. */
const RETURNED: Record<string, Row> = {
  'text with half a pair': { text: 'a\ufffdb' },
  'text with NULs': { text: '\0a\0' },
  'a frozen result': { text: 'frozen' },
  'a result of another context': { text: 'elsewhere' },
  'a result of a proxy': { text: 'behind a proxy' },
  'text that changes between reads': { text: 'first' },
  'a toJSON': { text: 'json' },
  'argument text of 10,000 levels': {
    toolCalls: [
      { name: 'f', rawArguments: '['.repeat(10_000) + ']'.repeat(10_000), argumentsError: expect.anything() },
    ],
  },
};

/** Which field is wrong, and what is said of it. */
const WRONG: Record<string, [path: string, says: RegExp]> = {
  'a result that is a revoked proxy': ['result.toolCalls[0]', /cannot be read: .*revoked/],
  'arguments with a BigInt': ['result.toolCalls[0].arguments.list[0]', /a BigInt has no JSON/],
  'arguments with NaN': ['result.toolCalls[0].arguments.n', /NaN has no JSON/],
  'arguments that are a Map': ['result.toolCalls[0].arguments', /an object of class Map has no JSON/],
  'arguments of shared bytes': ['result.toolCalls[0].arguments', /a view of bytes has no JSON/],
  'arguments of 10,000 levels': ['result.toolCalls[0].arguments', /is nested deeper than 127 levels/],
  'a getter that throws': ['result.toolCalls[0].name', /cannot be read: hands off/],
};

describe.each(['this thread', 'another thread'])('from a runner of %s', (place) => {
  async function call(way: string, table: string, name: string) {
    if (place === 'this thread') setInferenceRunner(hostileRunner(way, table, name));
    else await thread.ask('registerHostile', { way, table, name });
    const engine = newEngine();
    return endOf(engine, engine.generateTrackedStream(REQUEST));
  }

  describe.each(['throws', 'throws from a generator'])('that %s it', (way) => {
    test.each(Object.entries(THROWN))('%s fails the call', async (name, fields) => {
      const { events, error } = await call(way, 'THROWN', name);
      expect(events).toEqual([text('before')]);
      expect(error).toBeInstanceOf(RunnerFailedError);
      expect(error).toMatchObject({ code: 'runner-failed', text: 'before', ...fields });
      for (const number of ['status', 'retryAfterMs']) {
        expect([undefined, 604_800_000]).toContain(error?.[number as keyof typeof error]);
      }
    });
  });

  describe.each(['returns', 'returns from a generator'])('that %s it', (way) => {
    test.each(Object.entries(RETURNED))('%s is the result', async (name, fields) => {
      const { completion } = await call(way, 'RESULTS', name);
      expect(completion).toMatchObject(fields);
    });

    test.each(Object.entries(WRONG))('%s is a ProtocolError', async (name, [path, says]) => {
      const { error } = await call(way, 'RESULTS', name);
      expect(error).toBeInstanceOf(ProtocolError);
      expect(error).toMatchObject({ problems: [{ path, message: expect.stringMatching(says) }] });
    });

    test('arguments of 120 levels and __proto__ as a key come through', async () => {
      const deep = await call(way, 'RESULTS', 'arguments of 120 levels');
      expect(JSON.stringify(deep.completion?.toolCalls[0]?.arguments).split('{')).toHaveLength(121);
      const proto = await call(way, 'RESULTS', '__proto__ among the arguments');
      expect(JSON.stringify(proto.completion?.toolCalls)).toBe(
        '[{"name":"constructor","arguments":{"__proto__":{"a":1}}}]',
      );
    });
  });
});
