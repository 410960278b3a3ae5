import { ProtocolError, type RunnerEvent, type RunnerLike, setInferenceRunner, type ToolCall } from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { collect, eventsOf, loggedEvents, recordOf } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { bothWays, done, ScriptedRunner, text } from './support/scripted-runner';

afterEach(() => setInferenceRunner(null).dispose());

const WAYS = ['an emitter runner', 'a generator runner'] as const;
const CALL: ToolCall = { id: 'c1', name: 'search', arguments: { q: 'x' } };

describe('the ending', () => {
  test.each(WAYS)('done is made up when %s forgets it', async (way) => {
    setInferenceRunner(bothWays([text('hel'), text('lo')])[way]);
    expect(await eventsOf(newEngine().generateTrackedStream(REQUEST))).toEqual([
      text('hel'),
      text('lo'),
      done('hello'),
    ]);
  });

  test.each(WAYS)('an empty completion of %s is valid and never retried', async (way) => {
    let runs = 0;
    const runner = bothWays([])[way];
    setInferenceRunner(((request, emitter) => {
      runs += 1;
      return runner(request, emitter);
    }) as RunnerLike);
    const engine = newEngine({ retry: { attemptsMax: 3, backoffMs: 0 } });
    const stream = engine.generateTrackedStream(REQUEST);
    expect(await eventsOf(stream)).toEqual([done()]);
    expect(await stream.result()).toMatchObject({ text: '', toolCalls: [] });
    expect('usage' in (await stream.result())).toBe(false);
    expect(runs).toBe(1);
    expect(await recordOf(engine, stream)).toMatchObject({ status: 'done', text: '' });
  });

  test('the result fills what the stream lacked', async () => {
    setInferenceRunner(new ScriptedRunner({ result: { text: 'all at once', toolCalls: [CALL] } }));
    const stream = newEngine().generateTrackedStream(REQUEST);
    expect(await eventsOf(stream)).toEqual([{ type: 'done', text: 'all at once', toolCalls: [CALL] }]);
    expect(await stream.result()).toMatchObject({ text: 'all at once', toolCalls: [CALL], warnings: [] });
  });

  test('so does an emitted done', async () => {
    setInferenceRunner(new ScriptedRunner({ events: [{ type: 'done', text: 'whole', toolCalls: [CALL] }] }));
    expect(await newEngine().generate(REQUEST)).toMatchObject({ text: 'whole', toolCalls: [CALL], warnings: [] });
  });

  test.each([
    ['text', { text: 'other' }],
    ['tool calls', { toolCalls: [{ name: 'other', arguments: {} }] }],
  ])('where the result disagrees on %s the stream wins, with a warning and a note', async (_name, result) => {
    setInferenceRunner(
      new ScriptedRunner({
        events: [
          text('streamed'),
          { type: 'tool-call-start', index: 0, id: 'c1', name: 'search' },
          { type: 'tool-call-delta', index: 0, argumentsDelta: '{"q":"x"}' },
        ],
        result,
      }),
    );
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST);
    const completion = await stream.result();
    expect(completion).toMatchObject({ text: 'streamed', toolCalls: [CALL] });
    expect(completion.warnings).toMatchObject([{ code: 'result-mismatch' }]);
    expect((await recordOf(engine, stream)).notes).toMatchObject([{ code: 'result-mismatch' }]);
  });

  test('a result that agrees warns of nothing', async () => {
    setInferenceRunner(new ScriptedRunner({ events: [text('same'), done('same')], result: { text: 'same' } }));
    expect((await newEngine().generate(REQUEST)).warnings).toEqual([]);
  });

  test("the done event and the result are two consumers' objects", async () => {
    setInferenceRunner(new ScriptedRunner({ result: { toolCalls: [CALL] } }));
    const stream = newEngine().generateTrackedStream(REQUEST);
    for await (const event of stream) {
      if (event.type === 'done') (event.toolCalls[0] as ToolCall).name = 'changed';
    }
    expect((await stream.result()).toolCalls).toEqual([CALL]);
  });
});

describe('nonsense results', () => {
  const cyclic: Record<string, unknown> = {};
  cyclic.text = cyclic;
  const table: Array<[string, unknown, string]> = [
    ['a number', 5, 'result'],
    ['a string', 'x', 'result'],
    ['true', true, 'result'],
    ['an array', [], 'result'],
    ['text that is a number', { text: 5 }, 'result.text'],
    ['tool calls that are a string', { toolCalls: 'x' }, 'result.toolCalls'],
    ['a tool call without a name', { toolCalls: [{}] }, 'result.toolCalls[0].name'],
    ['a BigInt', { text: 5n }, 'result.text'],
    ['a cycle', cyclic, 'result.text'],
    ['a BigInt itself', 5n, 'result'],
    ['NaN', Number.NaN, 'result'],
    ['an infinite number', Number.POSITIVE_INFINITY, 'result'],
    [
      'a throwing getter',
      {
        get text() {
          throw new Error('no');
        },
      },
      'result.text',
    ],
    ['a symbol', Symbol('x'), 'result'],
    ['a function', () => {}, 'result'],
    ['a hostile proxy', new Proxy({}, { ownKeys: () => Reflect.ownKeys(null as never) }), 'result'],
  ];
  for (const way of ['promise', 'generator'] as const) {
    test.each(table)(`%s from a ${way} is a ProtocolError that names the field`, async (_name, result, path) => {
      setInferenceRunner(
        (way === 'promise'
          ? async (_request: unknown, { emit }: { emit: (event: RunnerEvent) => unknown }) => {
              await emit(text('a'));
              return result;
            }
          : async function* () {
              yield text('a');
              return result;
            }) as RunnerLike,
      );
      const { events, error } = await collect(newEngine().generateTrackedStream(REQUEST));
      expect(events).toEqual([text('a')]);
      expect(error).toBeInstanceOf(ProtocolError);
      expect((error as ProtocolError).problems.map((problem) => problem.path)).toEqual([path]);
      expect(error).toMatchObject({ code: 'protocol', text: 'a' });
      expect((error as ProtocolError).message).toMatch(/^the runner returned an invalid result: result/);
    });
  }

  test.each([undefined, null])('%s says nothing, and is no mistake', async (result) => {
    setInferenceRunner((async () => result) as RunnerLike);
    expect((await newEngine().generate(REQUEST)).text).toBe('');
  });
});

describe('tool calls', () => {
  const streamed = (...deltas: string[]): RunnerEvent[] => [
    { type: 'tool-call-start', index: 0, id: 'c1', name: 'search' },
    ...deltas.map((argumentsDelta) => ({ type: 'tool-call-delta' as const, index: 0, argumentsDelta })),
    { type: 'tool-call-end', index: 0 },
  ];

  test.each(WAYS)('arguments of %s are assembled per index, in the order of the index', async (way) => {
    setInferenceRunner(
      bothWays([
        { type: 'tool-call-start', index: 1, id: 'b', name: 'second' },
        { type: 'tool-call-start', index: 0, id: 'a', name: 'first' },
        { type: 'tool-call-delta', index: 1, argumentsDelta: '{"n"' },
        { type: 'tool-call-delta', index: 0, argumentsDelta: '{"n":' },
        { type: 'tool-call-delta', index: 1, argumentsDelta: ':2}' },
        { type: 'tool-call-delta', index: 0, argumentsDelta: '1}' },
      ])[way],
    );
    expect((await newEngine().generate(REQUEST)).toolCalls).toEqual([
      { id: 'a', name: 'first', arguments: { n: 1 } },
      { id: 'b', name: 'second', arguments: { n: 2 } },
    ]);
  });

  test('malformed arguments are kept as raw text with the parse error, never as {}', async () => {
    setInferenceRunner(new ScriptedRunner({ events: streamed('{"q": "x', '') }));
    const [call] = (await newEngine().generate(REQUEST)).toolCalls;
    expect(call).toMatchObject({ id: 'c1', name: 'search', rawArguments: '{"q": "x' });
    expect(call?.argumentsError).toMatch(/EOF/);
    expect(call !== undefined && 'arguments' in call).toBe(false);
  });

  test('no arguments at all are {}', async () => {
    setInferenceRunner(new ScriptedRunner({ events: streamed('') }));
    expect((await newEngine().generate(REQUEST)).toolCalls).toEqual([{ id: 'c1', name: 'search', arguments: {} }]);
  });

  test('the whole text at the end replaces the fragments', async () => {
    setInferenceRunner(
      new ScriptedRunner({
        events: [
          ...streamed('{"q":').slice(0, 2),
          { type: 'tool-call-end', index: 0, arguments: '{"q":"x"}', signature: 'S=' },
        ],
      }),
    );
    const completion = await newEngine().generate(REQUEST);
    expect(completion.toolCalls).toEqual([CALL]);
    expect(completion.toolCallSignatures).toEqual([{ position: 0, signature: 'S=' }]);
  });

  test.each<[string, RunnerEvent[], RegExp]>([
    [
      'a delta that was never started',
      [{ type: 'tool-call-delta', index: 3, argumentsDelta: '{' }],
      /index 3.*never started/,
    ],
    ['an end that was never started', [{ type: 'tool-call-end', index: 3 }], /index 3.*never started/],
    ['a delta after the end', [...streamed('{}'), { type: 'tool-call-delta', index: 0, argumentsDelta: 'x' }], /ended/],
    [
      'an index started with two names',
      [...streamed(), { type: 'tool-call-start', index: 0, id: 'c2', name: 'other' }],
      /another name or id/,
    ],
  ])('%s loses meaning and ends the call', async (_name, events, message) => {
    for (const way of WAYS) {
      setInferenceRunner(bothWays([text('a'), ...events, text('never')])[way]);
      const { events: seen, error } = await collect(newEngine().generateTrackedStream(REQUEST));
      expect(error).toBeInstanceOf(ProtocolError);
      expect((error as Error).message).toMatch(message);
      expect(seen).not.toContainEqual(text('never'));
    }
  });

  test('a start or an end that is repeated loses nothing: refused and noted', async () => {
    const start: RunnerEvent = { type: 'tool-call-start', index: 0, id: 'c1', name: 'search' };
    setInferenceRunner(
      new ScriptedRunner({ events: [start, ...streamed('{"q":"x"}'), { type: 'tool-call-end', index: 0 }] }),
    );
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST);
    expect((await stream.result()).toolCalls).toEqual([CALL]);
    expect((await recordOf(engine, stream)).notes.map(({ code }) => code)).toEqual([
      'repeated-tool-call-start',
      'repeated-tool-call-end',
    ]);
  });
});

describe('what is folded', () => {
  test('reasoning and its signature are exact, per block', async () => {
    setInferenceRunner(
      new ScriptedRunner({
        events: [
          { type: 'reasoning-delta', text: ' Let\u00a0me' },
          { type: 'reasoning-delta', text: ' see…\n' },
          { type: 'reasoning-delta', text: '', signature: 'Eq+/' },
          { type: 'reasoning-delta', text: '', signature: '==' },
          { type: 'reasoning-delta', index: 2, text: '' },
        ],
      }),
    );
    expect((await newEngine().generate(REQUEST)).reasoning).toEqual([
      { index: 0, text: ' Let\u00a0me see…\n', signature: 'Eq+/==' },
      { index: 2, text: '' },
    ]);
  });

  test('usage grows per field; what was never reported is absent, never zero', async () => {
    setInferenceRunner(
      new ScriptedRunner({
        events: [
          { type: 'usage', inputTokens: 10, outputTokens: 1 },
          { type: 'usage', outputTokens: 5 },
          { type: 'usage', inputTokens: 3, outputTokens: 4, reasoningTokens: 0 },
        ],
      }),
    );
    expect((await newEngine().generate(REQUEST)).usage).toEqual({
      inputTokens: 10,
      outputTokens: 5,
      reasoningTokens: 0,
    });
  });

  test('every kind of event is delivered and logged as the same JSON, and folded', async () => {
    const events: RunnerEvent[] = [
      { type: 'text-delta', text: 'a\u0000"\\ü' },
      { type: 'reasoning-delta', index: 1, text: 'hm', signature: 's' },
      { type: 'refusal-delta', text: 'no' },
      { type: 'tool-call-start', index: 0, id: 'c', name: 'f' },
      { type: 'tool-call-delta', index: 0, argumentsDelta: '{"a":1}' },
      { type: 'tool-call-end', index: 0, arguments: '{"a":1}', signature: 't' },
      {
        type: 'usage',
        inputTokens: 1,
        outputTokens: 2,
        totalTokens: 3,
        cacheReadInputTokens: 4,
        cacheCreationInputTokens: 5,
        reasoningTokens: 6,
      },
      { type: 'stop-reason', reason: 'tool-calls', raw: 'tool_use' },
      {
        type: 'source',
        id: 's',
        url: 'https://example.com',
        title: 't',
        mediaType: 'text/html',
        providerMetadata: { a: [null] },
      },
      { type: 'file', mediaType: 'image/png', data: 'AAAA' },
      { type: 'provider-output-item', item: { type: 'reasoning', encrypted: 'x' } },
      { type: 'provider-event', name: 'ping', data: { n: 1.5 } },
      { type: 'warning', message: 'w', code: 'c' },
      { type: 'error', message: 'e', code: 'c' },
      { type: 'custom', name: 'mine', data: [1, 'two', null, { three: false }] },
      { type: 'done', text: 'a\u0000"\\ü', toolCalls: [{ id: 'c', name: 'f', arguments: { a: 1 } }] },
    ];
    expect(new Set(events.map(({ type }) => type)).size).toBe(16);
    for (const way of WAYS) {
      setInferenceRunner(bothWays(events)[way]);
      const engine = newEngine();
      const stream = engine.generateTrackedStream(REQUEST);
      const seen = await eventsOf(stream);
      expect(seen).toEqual(events);
      expect(await loggedEvents(engine, stream)).toEqual(seen);
      expect(await stream.result()).toEqual({
        text: 'a\u0000"\\ü',
        reasoning: [{ index: 1, text: 'hm', signature: 's' }],
        refusal: 'no',
        toolCalls: [{ id: 'c', name: 'f', arguments: { a: 1 } }],
        toolCallSignatures: [{ position: 0, signature: 't' }],
        usage: {
          inputTokens: 1,
          outputTokens: 2,
          totalTokens: 3,
          cacheReadInputTokens: 4,
          cacheCreationInputTokens: 5,
          reasoningTokens: 6,
        },
        stopReason: 'tool-calls',
        rawStopReason: 'tool_use',
        sources: [
          { id: 's', url: 'https://example.com', title: 't', mediaType: 'text/html', providerMetadata: { a: [null] } },
        ],
        files: [{ mediaType: 'image/png', data: 'AAAA' }],
        providerOutputItems: [{ type: 'reasoning', encrypted: 'x' }],
        warnings: [{ message: 'w', code: 'c' }],
        traceId: stream.traceId,
        modelUsed: 'gpt-5',
      });
    }
  });

  test('logged events are numbered without gaps, and their times never go back', async () => {
    setInferenceRunner(new ScriptedRunner({ events: ['a', 'b', 'c'].map(text) }));
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST);
    await eventsOf(stream);
    const logged = await Array.fromAsync(engine.eventLog.events(stream.traceId));
    expect(logged.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    const times = logged.map(({ at }) => at);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });
});
