/** What a model sends as the arguments of a tool call is the same in every place that shows it: nothing is rounded or rewritten. */
import { PassThrough, Readable } from 'node:stream';
import {
  type EventLog,
  type GenerateRequest,
  type InferenceEngine,
  type RunnerEvent,
  type RunnerResult,
  type StreamEvent,
  setInferenceRunner,
  type ToolCall,
} from 'car-inference';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { eventsOf } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { all, engineOf, eventsIn, openLog } from './support/log';
import { Thread } from './support/thread';

const thread = new Thread();
afterAll(() => thread.terminate());
afterEach(() => setInferenceRunner(null).dispose());

type Shown = Omit<ToolCall, 'id' | 'name'>;

const parsed = (text: string) => JSON.parse(text) as unknown as NonNullable<ToolCall['arguments']>;
const asValue = (text: string): [string, Shown] => [text, { arguments: parsed(text) }];
const asBoth = (text: string): [string, Shown] => [text, { arguments: parsed(text), rawArguments: text }];
const asText = (text: string): [string, Shown] => [text, { rawArguments: text }];
const asError = (text: string): [string, Shown] => [
  text,
  { rawArguments: text, argumentsError: expect.stringMatching(/./) },
];

const TEXTS: Array<[string, Shown]> = [
  ['', { arguments: {} }],
  ...['{}', 'null', '[]', 'true', '{"q":"ä\\n\\u0007"}', '{"2":1e+21,"10":-0.5,"b":null,"a":9007199254740991}'].map(
    asValue,
  ),
  ...['{"__proto__":{"a":1},"constructor":{}}', '9007199254740992', '{"at":100000000000000000000}'].map(asValue),
  ...['{"$serde_json::private::RawValue":"1"}', '{"a":{"$serde_json::private::RawValue":"{"}}'].map(asValue),
  ...['{"$serde_json::private::Number":"1"}', '[{"$serde_json::private::Number":"x"}]'].map(asValue),
  ...['{ }', '{"q": "x"}', '\n{"q":"x"}', '{"q":"x"} ', '{"q":"\\u00e4"}', '{"q":"a\\/b"}', '{"\\u0061":1}'].map(
    asBoth,
  ),
  ...['1.0', '{"n":1e2}', '[1E+2,0.10]', '0e999', '"text"', '""', '{"b":1,"2":2}', '18446744073709551616'].map(asBoth),
  ...['12345678901234567890', '{"id":9007199254740993}', '[[-9007199254740993]]', '18446744073709551615'].map(asText),
  ...['1e400', '{"n":-1e400}', '1e-400', '-0', '{"n":[-0.0]}', '0.1000000000000000055511151231257827'].map(asText),
  ...['{"a":1,"a":2}', '{"a":1,"\\u0061":1}', '{"q":"\\ud800"}', '["\\ude00\\ud83d"]', '{"\\udbff": 1}'].map(asText),
  ...['{"q": "x', '{}{}', 'NaN', "{'q':1}", '[1,]', '01', '\ufeff{}', '['.repeat(500)].map(asError),
];

const EXPECTED = TEXTS.map(([, shown], index) => ({ id: `c${index}`, name: 'f', ...shown }));

const started = (index: number): RunnerEvent => ({ type: 'tool-call-start', index, id: `c${index}`, name: 'f' });

/** How a provider's text becomes a tool call of the answer. */
const WAYS: Record<string, (texts: readonly string[]) => { events: RunnerEvent[]; result?: RunnerResult }> = {
  'in one delta': (texts) => ({
    events: texts.flatMap((text, index): RunnerEvent[] => [
      started(index),
      { type: 'tool-call-delta', index, argumentsDelta: text },
      { type: 'tool-call-end', index },
    ]),
  }),
  'letter by letter': (texts) => ({
    events: texts.flatMap((text, index): RunnerEvent[] => [
      started(index),
      ...[...text].map((argumentsDelta): RunnerEvent => ({ type: 'tool-call-delta', index, argumentsDelta })),
      { type: 'tool-call-end', index },
    ]),
  }),
  'at the end of the tool call': (texts) => ({
    events: texts.flatMap((text, index): RunnerEvent[] => [
      started(index),
      { type: 'tool-call-delta', index, argumentsDelta: '{"not":' },
      { type: 'tool-call-end', index, arguments: text },
    ]),
  }),
  'as text in the result': (texts) => ({
    events: [],
    result: { toolCalls: texts.map((text, index) => ({ id: `c${index}`, name: 'f', arguments: text })) },
  }),
  'as the text of the result’s arguments': (texts) => ({
    events: [],
    result: { toolCalls: texts.map((text, index) => ({ id: `c${index}`, name: 'f', rawArguments: text })) },
  }),
  'as text in `done`': (texts) => ({
    events: [
      {
        type: 'done',
        text: '',
        toolCalls: texts.map((text, index) => ({ id: `c${index}`, name: 'f', arguments: text })),
      },
    ],
  }),
};

async function exported(log: EventLog): Promise<string> {
  let lines = '';
  const stream = new PassThrough().setEncoding('utf8').on('data', (text) => {
    lines += text;
  });
  await log.export(stream);
  return lines;
}

function toolCallsOf(event: StreamEvent | undefined): readonly ToolCall[] {
  return event?.type === 'done' ? event.toolCalls : [];
}

/** A call's tool calls in every place that shows them. */
async function places(engine: InferenceEngine, request: GenerateRequest = REQUEST): Promise<Record<string, unknown>> {
  const stream = engine.generateTrackedStream(request);
  const delivered = (await eventsOf(stream)).at(-1);
  const { traceId } = stream;
  const log = engine.eventLog;
  const inLog = async (log: EventLog) => ({
    record: (await log.call(traceId))?.toolCalls,
    listed: (await all(log.calls()))[0]?.toolCalls,
    event: toolCallsOf((await eventsIn(log, traceId)).at(-1)?.event),
  });
  const lines = await exported(log);
  const copy = newEngine().eventLog;
  const durable = await openLog();
  for (const target of [copy, durable]) await target.import(Readable.from([lines]));
  expect(await exported(durable)).toBe(lines);
  return {
    done: toolCallsOf(delivered),
    result: (await stream.result()).toolCalls,
    ...(await inLog(log)),
    copy: await inLog(copy),
    durable: await inLog(durable),
  };
}

function everywhere(toolCalls: unknown): Record<string, unknown> {
  const inLog = { record: toolCalls, listed: toolCalls, event: toolCalls };
  return { done: toolCalls, result: toolCalls, ...inLog, copy: inLog, durable: inLog };
}

describe.each(Object.entries(WAYS))('arguments that come %s', (_way, script) => {
  const { events, result } = script(TEXTS.map(([text]) => text));

  test.each(['in memory', 'on disk'])(
    'are the same in the result, in `done` and in a log %s, and after an import',
    async (kind) => {
      setInferenceRunner(async function* () {
        yield* events;
        return result;
      });
      const engine = kind === 'in memory' ? newEngine() : engineOf(await openLog());
      expect(await places(engine)).toEqual(everywhere(EXPECTED));
    },
  );

  test('are the same from a runner in another thread', async () => {
    await thread.ask('register', { way: 'emitter', events, result });
    expect(await places(newEngine())).toEqual(everywhere(EXPECTED));
  });

  test('are the same for a consumer in another thread', async () => {
    setInferenceRunner(async (_request, { emit }) => {
      for (const event of events) await emit(event);
      return result;
    });
    await thread.ask('open', { request: REQUEST });
    expect((await thread.ask('collect')).value.at(-1).toolCalls).toEqual(EXPECTED);
    expect((await thread.ask('result')).value.toolCalls).toEqual(EXPECTED);
    expect((await thread.ask('record')).toolCalls).toEqual(EXPECTED);
  });
});

test('what a tool call was is what the runner gets when it is sent back, here and in another thread', async () => {
  const toolCalls = EXPECTED.map(
    (call): ToolCall => ({ ...call, ...('argumentsError' in call && { argumentsError: 'why' }) }),
  );
  const sent: GenerateRequest = { ...REQUEST, messages: [{ role: 'assistant', content: 'x', toolCalls }] };
  const seen: unknown[] = [];
  setInferenceRunner(async (request) => {
    seen.push(request);
  });
  const engine = engineOf(await openLog());
  const { traceId } = await engine.generate(sent);
  expect((await engine.eventLog.call(traceId))?.request).toEqual(sent);
  await thread.ask('register', { way: 'emitter' });
  const before = (await thread.ask('runs')).length;
  await newEngine().generate(sent);
  seen.push((await thread.ask('runs'))[before].request);
  expect(seen).toEqual([sent, sent]);
});

test('arguments that are given as a value are that value, and a string is the text of one', async () => {
  setInferenceRunner(async () => ({
    toolCalls: [
      { name: 'f', arguments: { n: -0, big: 2 ** 70, none: undefined as never } },
      { name: 'f', arguments: null },
      { name: 'f' },
      { name: 'f', arguments: '"a string"' },
      { name: 'f', rawArguments: '{"id":9007199254740993}' },
      { name: 'f', arguments: { id: 1 }, rawArguments: '{"id": 1}' },
    ],
  }));
  const expected = [
    { name: 'f', arguments: { n: 0, big: 2 ** 70 } },
    { name: 'f', arguments: null },
    { name: 'f', arguments: {} },
    { name: 'f', arguments: 'a string', rawArguments: '"a string"' },
    { name: 'f', rawArguments: '{"id":9007199254740993}' },
    { name: 'f', arguments: { id: 1 }, rawArguments: '{"id": 1}' },
  ];
  expect(await places(engineOf(await openLog()))).toEqual(everywhere(expected));
});

test.each(['$serde_json::private::RawValue', '$serde_json::private::Number'])(
  'a key %s is a key like any other: in requests, events, the log and its copies',
  async (key) => {
    const values = [{ [key]: '1' }, { [key]: 'no JSON' }, { deep: [{ [key]: '{"a":1}' }] }];
    for (const value of values) {
      const given: GenerateRequest = {
        ...REQUEST,
        providerOptions: value,
        messages: [
          { role: 'assistant', toolCalls: [{ name: 'f', arguments: value }] },
          { role: 'provider-output-items', protocol: 'x', items: [value] },
        ],
        tools: [
          { name: 'f', parameters: value },
          { type: 'x', ...value },
        ],
        responseFormat: { type: 'json-schema', schema: value },
      };
      const event = { type: 'custom', name: 'c', data: value } as const;
      const error = Object.assign(new Error('x'), { body: value });
      let seen: GenerateRequest | undefined;
      setInferenceRunner(async function* (request) {
        seen = request;
        yield event;
        throw error;
      });
      const engine = engineOf(await openLog());
      const stream = engine.generateTrackedStream(given);
      expect(await stream.next()).toEqual({ value: event, done: false });
      await expect(stream.result()).rejects.toMatchObject({ body: value });
      expect(seen).toMatchObject(given);
      const copy = await openLog();
      await copy.import(Readable.from([await exported(engine.eventLog)]));
      for (const log of [engine.eventLog, copy]) {
        const record = await log.call(stream.traceId);
        expect(record?.request).toMatchObject(given);
        expect(record?.failure?.runner?.body).toEqual(value);
        expect((await eventsIn(log, stream.traceId))[0]?.event).toEqual(event);
      }
    }
  },
);

test('a result that only writes the streamed arguments otherwise does not differ from the stream', async () => {
  setInferenceRunner(async function* () {
    for (const [index, text] of ['{ "a": 1.0 }', '{"id":9007199254740993}', '"t"'].entries()) {
      yield started(index);
      yield { type: 'tool-call-delta', index, argumentsDelta: text };
    }
    return {
      toolCalls: [
        { name: 'f', arguments: { a: 1 } },
        { name: 'f', arguments: { id: 2 ** 53 } },
        { name: 'f', arguments: '"t"' },
      ],
    };
  });
  expect((await newEngine().generate(REQUEST)).warnings).toEqual([]);
});

test('a secret is taken out of the value and out of the text, in the file and wherever it is read', async () => {
  const secret = `sk-ant-api03-${'x'.repeat(80)}-AA`;
  const texts = [
    `{"n":1e400,"key":"${secret}"}`,
    `{ "ssn": 12345678901234567890, "key": "${secret}" }`,
    `{"ssn":5,"n":1.0}`,
  ];
  const { events } = (WAYS['in one delta'] as NonNullable<(typeof WAYS)[string]>)(texts);
  setInferenceRunner(async function* () {
    yield* events;
  });
  const log = await openLog(undefined, { redaction: { fields: ['**.ssn'] } });
  const { traceId } = await engineOf(log).generate(REQUEST);
  const expected = [
    { rawArguments: '{"n":1e400,"key":"[REDACTED]"}' },
    {
      arguments: { ssn: '[REDACTED]', key: '[REDACTED]' },
      rawArguments: '{ "ssn": "[REDACTED]", "key": "[REDACTED]" }',
    },
    { arguments: { ssn: '[REDACTED]', n: 1 }, rawArguments: '{"ssn":"[REDACTED]","n":1.0}' },
  ].map((shown, index) => ({ id: `c${index}`, name: 'f', ...shown }));
  expect((await log.call(traceId))?.toolCalls).toEqual(expected);
  expect((await eventsIn(log, traceId)).at(-1)?.event).toEqual({ type: 'done', text: '', toolCalls: expected });
  const lines = await exported(log);
  expect(lines).not.toContain(secret);
  const copy = newEngine().eventLog;
  await copy.import(Readable.from([lines]));
  expect((await copy.call(traceId))?.toolCalls).toEqual(expected);
});

/** JSON as a model may write it. */
const written = fc.letrec<{ value: string }>((tie) => {
  const space = fc.constantFrom('', '', '', ' ', '\n', '\t\r ');
  const spaced = (inner: fc.Arbitrary<string>) =>
    fc.tuple(space, inner, space).map(([before, text, after]) => `${before}${text}${after}`);
  const digits = fc.bigInt({ min: 0n, max: 10n ** 22n }).map(String);
  const number = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    // Many of them lie halfway between two texts of as many digits.
    fc.double({ noNaN: true, min: -1e16, max: 1e16 }).map(String),
    fc.tuple(fc.constantFrom('', '-'), digits).map((parts) => parts.join('')),
    fc
      .tuple(fc.constantFrom('0', '-0', '7', '120'), digits, fc.constantFrom('', 'e0', 'E+2', 'e-7', 'e400', 'e-400'))
      .map(([whole, fraction, exponent]) => `${whole}.${fraction}${exponent}`),
  );
  const text = fc.oneof(
    fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text)),
    fc
      .array(fc.constantFrom('a', '\\u0061', '\\/', '\\n', '\\ud83d\\ude00', '\\ud83d', 'ü'))
      .map((parts) => `"${parts.join('')}"`),
  );
  const name = fc.oneof(text, fc.constantFrom('"a"', '"1"', '"__proto__"'));
  const field = fc.tuple(spaced(name), spaced(tie('value'))).map((parts) => parts.join(':'));
  return {
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('null', 'true', '{}'),
      number,
      text,
      fc.array(spaced(tie('value')), { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
      fc.array(field, { maxLength: 3 }).map((fields) => `{${fields.join(',')}}`),
    ),
  };
}).value;

test('any text, in any deltas, is kept to the letter in every place', async () => {
  const log = await openLog(undefined, { redaction: { builtin: false } });
  const texts = fc.array(fc.tuple(written, fc.array(fc.nat(40), { maxLength: 4 })), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(texts, async (drawn) => {
      setInferenceRunner(async function* () {
        for (const [index, [text, cuts]] of drawn.entries()) {
          yield started(index);
          const places = [0, ...cuts.sort((a, b) => a - b), text.length];
          for (const [at, from] of places.slice(0, -1).entries()) {
            yield { type: 'tool-call-delta', index, argumentsDelta: text.slice(from, places[at + 1]) };
          }
        }
      });
      const stream = engineOf(log).generateTrackedStream(REQUEST);
      const toolCalls = toolCallsOf((await eventsOf(stream)).at(-1));
      for (const [index, call] of toolCalls.entries()) {
        const [text] = drawn[index] as [string, number[]];
        expect(call.rawArguments ?? JSON.stringify(call.arguments)).toBe(text);
        expect(call.argumentsError).toBeUndefined();
        const value = JSON.parse(text) as unknown;
        if ('arguments' in call) expect(call.arguments).toEqual(value);
        // Half a surrogate pair is written as it came, but lost on the way.
        const isAsWritten = typeof value !== 'string' && JSON.stringify(value) === text && !text.includes('\\ud');
        if (isAsWritten) expect(call.rawArguments).toBeUndefined();
      }
      expect((await stream.result()).toolCalls).toEqual(toolCalls);
      expect((await log.call(stream.traceId))?.toolCalls).toEqual(toolCalls);
    }),
    { numRuns: 60 },
  );
  const copy = newEngine().eventLog;
  await copy.import(Readable.from([await exported(log)]));
  const toolCalls = async (log: EventLog) => (await all(log.calls({ order: 'oldest' }))).map((call) => call.toolCalls);
  expect(await toolCalls(copy)).toEqual(await toolCalls(log));
});
