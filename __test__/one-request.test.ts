/** One request, whoever looks at it: the runner of this thread, the runner of another one, and the log. */
import { type GenerateRequest, InvalidRequestError, setInferenceRunner } from 'car-inference';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { recordOf, rejection } from './support/collect';
import { MODEL, newEngine, REQUEST } from './support/engine';
import { Thread } from './support/thread';

const thread = new Thread();
afterAll(() => thread.terminate());
afterEach(() => setInferenceRunner(null).dispose());

/** The request as each of them sees it. */
async function views(request: unknown): Promise<{ here: unknown; there: unknown; logged: unknown[] }> {
  const engine = newEngine();
  const seen: unknown[] = [];
  setInferenceRunner(async (given) => {
    seen.push(given);
  });
  const here = engine.generateTrackedStream(request as never);
  await here.result();
  await thread.ask('register', {});
  const there = engine.generateTrackedStream(request as never);
  await there.result();
  const runs = await thread.ask('runs');
  const logged = [(await recordOf(engine, here)).request, (await recordOf(engine, there)).request];
  return { here: seen[0], there: runs.at(-1).request, logged };
}

/** The absent ones are as likely as the others, and so are those that say nothing. */
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const word = fc.string({ minLength: 1, maxLength: 8 });
const words = fc.oneof(fc.string({ maxLength: 8 }), fc.constant(''));
const json = fc.jsonValue({ maxDepth: 3 }).filter((value) => !JSON.stringify(value).includes('-0'));
const object = fc.dictionary(fc.constantFrom('a', 'b', '__proto__', 'toString', 'null'), json, { maxKeys: 3 });
const shape = <T extends object>(fields: { [Key in keyof T]: fc.Arbitrary<T[Key]> }) => fc.record(fields);

const functionFields = {
  name: word,
  description: fc.oneof(maybe(words), fc.constant(null)),
  parameters: maybe(object),
  strict: fc.oneof(maybe(fc.boolean()), fc.constant(null)),
  providerOptions: maybe(object),
};
const tool = fc.oneof(
  shape({ ...functionFields, type: maybe(fc.constant('function')) }),
  shape({ type: fc.constant('function'), function: shape(functionFields), providerOptions: maybe(object) }),
  object.map((fields) => ({ ...fields, type: 'web_search_20260209' })),
);
const toolCall = fc.record({
  id: maybe(word),
  name: word,
  arguments: fc.oneof(maybe(object), fc.constantFrom('{"a":1}', '', '{"a": 1}', '{"a":', '"text"')),
});
const part = fc.oneof(
  shape({ type: fc.constant('text'), text: words }),
  shape({ type: fc.constant('image-url'), url: words, detail: maybe(words) }),
  shape({ type: fc.constant('file-base64'), data: words, mediaType: words, name: maybe(words) }),
);
const message = fc.oneof(
  shape({ role: fc.constantFrom('system', 'user'), content: words }),
  shape({ role: fc.constant('user-multimodal'), content: fc.array(part, { minLength: 1, maxLength: 3 }) }),
  shape({
    role: fc.constant('assistant'),
    content: maybe(words),
    toolCalls: maybe(fc.array(toolCall, { maxLength: 2 })),
    reasoning: maybe(
      fc.array(shape({ index: maybe(fc.nat(9)), text: words, signature: maybe(words) }), { maxLength: 2 }),
    ),
  }),
  shape({ role: fc.constant('tool-result'), toolUseId: word, content: words }),
  shape({ role: fc.constant('provider-output-items'), protocol: words, items: fc.array(json, { maxLength: 2 }) }),
);
const request = fc.record({
  prompt: word,
  model: fc.oneof(maybe(fc.constant(MODEL.id)), fc.constant(null)),
  fallbackModels: maybe(fc.constantFrom([], [MODEL.id])),
  params: maybe(
    shape({
      temperature: maybe(fc.constantFrom(0, 1, 0.1, 1e-7)),
      maxTokens: maybe(fc.constantFrom(1, 4096)),
      stop: maybe(fc.array(words, { maxLength: 2 })),
      seed: maybe(fc.constantFrom(0, -7, Number.MAX_SAFE_INTEGER)),
      reasoningEffort: maybe(fc.constantFrom('low', 'xhigh')),
      toolChoice: maybe(fc.constantFrom({ type: 'auto' }, { type: 'tool', name: 'f' })),
    }),
  ),
  context: fc.oneof(maybe(words), fc.constant(null)),
  messages: maybe(fc.array(message, { maxLength: 4 })),
  images: maybe(fc.array(part, { maxLength: 2 })),
  tools: maybe(fc.array(tool, { maxLength: 3 })),
  responseFormat: maybe(
    fc.oneof(
      fc.constant({ type: 'json-object' }),
      shape({ type: fc.constant('json-schema'), schema: object, strict: maybe(fc.boolean()), name: maybe(words) }),
    ),
  ),
  clientRef: maybe(words),
  conversationId: maybe(words),
  parentTraceId: maybe(words),
  tags: maybe(fc.array(words, { maxLength: 2 })),
  providerOptions: maybe(object),
});

describe('a request', () => {
  test('is the same for a runner here, for one in another thread, and in the log', async () => {
    await fc.assert(
      fc.asyncProperty(request, async (given) => {
        const { here, there, logged } = await views(given);
        expect(there).toEqual(here);
        expect(logged).toEqual([here, here]);
      }),
      { numRuns: 60 },
    );
  });

  test('keeps everything that it was given', async () => {
    const given = {
      ...REQUEST,
      context: 'be kind',
      messages: [
        {
          role: 'assistant',
          content: 'a',
          toolCalls: [{ id: 'c', name: 'f', arguments: { a: [1, null, { b: 'x' }] } }],
          reasoning: [{ index: 1, text: 'hm', signature: 's==' }],
        },
      ],
      tools: [
        {
          name: 'f',
          description: 'd',
          parameters: { type: 'object' },
          strict: true,
          providerOptions: { anthropic: {} },
        },
        { type: 'function', function: { name: 'g', strict: null } },
        { type: 'web_search', max_uses: 3, nested: [{ deep: null }] },
        { type: 'custom', custom: { name: 'grammar' } },
      ],
      params: { toolChoice: { type: 'tool', name: 'f' } },
      providerOptions: { openai: { store: false, metadata: null } },
    };
    expect((await views(given)).here).toEqual(given);
  });

  test('names its model for everybody, also when the caller left it out', async () => {
    const { here, there, logged } = await views({ prompt: 'hi' });
    expect([here, there, ...logged]).toEqual(Array(4).fill({ prompt: 'hi', model: MODEL.id }));
  });
});

const assistant = (fields: object) => ({
  messages: [
    { role: 'user', content: 'a' },
    { role: 'assistant', ...fields },
  ],
});

/** A field that is not known, deep inside a request, by its path. */
const STRANGERS: Array<[path: string, fields: object]> = [
  ['messages[0].name', { messages: [{ role: 'user', content: 'a', name: 'bob' }] }],
  ['messages[1].tool_calls', assistant({ tool_calls: [] })],
  ['messages[1].toolCalls[0].signature', assistant({ toolCalls: [{ name: 'f', signature: 's' }] })],
  ['messages[1].toolCalls[1].args', assistant({ toolCalls: [{ name: 'f' }, { name: 'f', args: {} }] })],
  ['messages[1].reasoning[0].summary', assistant({ reasoning: [{ text: 'a', summary: [] }] })],
  [
    'messages[0].content[1].mimeType',
    {
      messages: [
        {
          role: 'user-multimodal',
          content: [
            { type: 'text', text: 'a' },
            { type: 'audio-url', url: 'u', mimeType: 'm' },
          ],
        },
      ],
    },
  ],
  ['messages[0].is_error', { messages: [{ role: 'tool-result', toolUseId: 'c', content: 'x', is_error: true }] }],
  ['images[0].alt', { images: [{ type: 'image-url', url: 'u', alt: 'a' }] }],
  ['params.toolChoice.mode', { params: { toolChoice: { type: 'auto', mode: 'x' } } }],
  ['responseFormat.json_schema', { responseFormat: { type: 'json-schema', schema: {}, json_schema: {} } }],
  ['tools[0].inputSchema', { tools: [{ name: 'f', inputSchema: {} }] }],
  ['tools[1].execute', { tools: [{ name: 'f' }, { name: 'g', execute: 'x' }] }],
  ['tools[0].function.input_schema', { tools: [{ type: 'function', function: { name: 'f', input_schema: {} } }] }],
  ['tools[1].execute', { tools: [{ name: 'f' }, { name: 'g', execute: async () => 1 }] }],
  ['tools[0].function.run', { tools: [{ type: 'function', function: { name: 'f', run() {} } }] }],
  ['params.onToken', { params: { onToken() {} } }],
  ['params.mark', { params: { mark: Symbol('m') } }],
  [
    'messages[1].onReply',
    {
      messages: [
        { role: 'user', content: 'a' },
        { role: 'user', content: 'b', onReply() {} },
      ],
    },
  ],
  [
    'messages[0].toolCalls[0].run',
    { messages: [{ role: 'assistant', content: 'a', toolCalls: [{ id: 'c', name: 'f', arguments: {}, run() {} }] }] },
  ],
  ['responseFormat.parse', { responseFormat: { type: 'json-schema', schema: {}, parse() {} } }],
  ['params.signal', { params: { signal: new AbortController().signal } }],
  ['params.budget', { params: { budget: 5n } }],
  ['tools[0].inputSchema', { tools: [{ name: 'f', inputSchema: { shape: new Map() } }] }],
  ['tools[0].cache_control', { tools: [{ type: 'function', function: { name: 'f' }, cache_control: {} }] }],
];

describe('a field that is not known, deep in a request', () => {
  test.each(STRANGERS)('%s', async (path, fields) => {
    let runs = 0;
    setInferenceRunner(async () => {
      runs += 1;
    });
    const error = (await rejection(newEngine().generate({ ...REQUEST, ...fields } as never))) as InvalidRequestError;
    expect(error).toBeInstanceOf(InvalidRequestError);
    expect(error.problems).toEqual([{ path, message: expect.stringContaining('unknown field; known are') }]);
    expect(runs).toBe(0);
  });
});

describe('a value without JSON where any JSON is allowed', () => {
  test.each<[path: string, fields: object, message: string]>([
    ['providerOptions.openai.n', { providerOptions: { openai: { n: 5n } } }, 'a BigInt has no JSON'],
    ['tools[0].parameters.of', { tools: [{ name: 'f', parameters: { of: new Map() } }] }, 'class Map has no JSON'],
    ['tools[0].size', { tools: [{ type: 'search', size: Number.NaN }] }, 'NaN has no JSON'],
  ])('%s is refused with its path', async (path, fields, message) => {
    setInferenceRunner(async () => undefined);
    const error = (await rejection(newEngine().generate({ ...REQUEST, ...fields } as never))) as InvalidRequestError;
    expect(error).toBeInstanceOf(InvalidRequestError);
    expect(error.problems).toEqual([{ path, message: expect.stringContaining(message) }]);
  });

  test('a function there is left out, as in JSON', async () => {
    let seen: unknown;
    setInferenceRunner(async (request) => {
      seen = [request.providerOptions, request.tools];
    });
    const providerOptions = { openai: { user: 'u', onEvent() {} } };
    const tools = [{ type: 'search', size: 1, run() {} }];
    await newEngine().generate({ ...REQUEST, providerOptions, tools } as never);
    expect(seen).toEqual([{ openai: { user: 'u' } }, [{ type: 'search', size: 1 }]]);
  });
});

describe('a function tool', () => {
  test.each<[path: string, tool: unknown]>([
    ['tools[0].name', {}],
    ['tools[0].name', { name: '' }],
    ['tools[0].name', { name: 5 }],
    ['tools[0].name', null],
    ['tools[0].name', 'f'],
    ['tools[0].type', { type: '', name: 'f' }],
    ['tools[0].type', { type: 5, name: 'f' }],
    ['tools[0].description', { name: 'f', description: 5 }],
    ['tools[0].parameters', { name: 'f', parameters: [] }],
    ['tools[0].strict', { name: 'f', strict: 'yes' }],
    ['tools[0].providerOptions', { name: 'f', providerOptions: 'x' }],
    ['tools[0].function', { type: 'function', function: 'f' }],
    ['tools[0].function.name', { type: 'function', function: {} }],
    ['tools[0].function.strict', { function: { name: 'f', strict: 1 } }],
    ['tools[0].description', { type: 'function', function: { name: 'f' }, description: 'lost' }],
  ])('is refused for its %s', async (path, given) => {
    const request = { ...REQUEST, tools: [given] } as unknown as GenerateRequest;
    const error = (await rejection(newEngine().generate(request))) as InvalidRequestError;
    expect(error.problems.map((problem) => problem.path)).toEqual([path]);
  });
});
