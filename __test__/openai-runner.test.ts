/** The runner that users copy, on the real SDK: it sends what it can, and says what it cannot. */
import {
  type GenerateRequest,
  InferenceEngine,
  type InferenceRunner,
  RunnerFailedError,
  setInferenceRunner,
} from 'car-inference';
import OpenAI from 'openai';
import { afterEach, expect, test } from 'vitest';
import { openAiRunner } from '../examples/openai-runner.mjs';
import { rejection } from './support/collect';

afterEach(() => setInferenceRunner(null).dispose());

const CHUNK = { choices: [{ index: 0, delta: { content: 'hi' }, finish_reason: 'stop' }] };

/** A call by the runner: what went over the wire, and the warnings that came back. */
async function call(request: GenerateRequest) {
  let body: Record<string, unknown> = {};
  const client = new OpenAI({
    apiKey: 'none',
    maxRetries: 0,
    fetch: async (_url, init) => {
      body = JSON.parse(String(init?.body));
      const lines = `data: ${JSON.stringify(CHUNK)}\n\ndata: [DONE]\n\n`;
      return new Response(lines, { headers: { 'content-type': 'text/event-stream' } });
    },
  });
  setInferenceRunner(openAiRunner(client, { hints: ['openai'] }) as InferenceRunner);
  const engine = new InferenceEngine({ models: [{ id: 'gpt-5', source: { type: 'delegated', hint: 'openai' } }] });
  const { text, warnings } = await engine.generate(request);
  expect(text).toBe('hi');
  return { body, warnings: (warnings ?? []).map(({ message }) => message) };
}

const tool = { name: 'find', description: 'finds', parameters: { type: 'object' }, strict: true };

const notCarried: Record<string, GenerateRequest> = {
  responseFormat: { responseFormat: { type: 'json-object' } },
  providerOptions: { providerOptions: { openai: { store: true } } },
  images: { images: [{ type: 'image-url', url: 'https://example.org/a.png' }] },
  'params.topK': { params: { topK: 3 } },
  'params.toolChoice': { params: { toolChoice: { type: 'required' } } },
  'params.reasoningEffort': { params: { reasoningEffort: 'low' } },
  'params.budgetTokens': { params: { budgetTokens: 100 } },
  'messages[0].reasoning': { messages: [{ role: 'assistant', content: 'x', reasoning: [{ text: 'why' }] }] },
  'tools[1]': { tools: [tool, { type: 'web_search', name: 'web_search' }] },
  'tools[0].providerOptions': { tools: [{ ...tool, providerOptions: { a: 1 } }] },
  'tools[1].providerOptions': { tools: [tool, { type: 'function', function: tool, providerOptions: { a: 1 } }] },
  'tools[2].providerOptions': {
    tools: [tool, tool, { type: 'function', function: { ...tool, providerOptions: { a: 1 } } }],
  },
};

test.each(Object.entries(notCarried))('%s is not sent, and a warning says so', async (field, request) => {
  const { warnings } = await call({ prompt: 'hi', ...request });
  expect(warnings).toEqual([expect.stringContaining(`\`${field}\``)]);
});

test('several of them get a warning each', async () => {
  const { warnings } = await call({
    prompt: 'hi',
    ...notCarried.images,
    params: { topK: 1, toolChoice: { type: 'auto' } },
  });
  expect(warnings).toHaveLength(3);
});

test('what it carries arrives as the service names it, without a warning', async () => {
  const { body, warnings } = await call({
    context: 'be brief',
    prompt: 'hi',
    tools: [tool],
    params: {
      temperature: 0.5,
      topP: 0.9,
      maxTokens: 7,
      stop: ['x'],
      seed: 1,
      frequencyPenalty: 1,
      presencePenalty: 1,
      parallelToolCalls: false,
    },
    messages: [
      {
        role: 'assistant',
        toolCalls: [{ id: 't1', name: 'find', arguments: { id: 1 }, rawArguments: '{ "id": 1.0 }' }],
      },
      { role: 'tool-result', toolUseId: 't1', content: 'found' },
    ],
  });
  expect(warnings).toEqual([]);
  expect(body).toMatchObject({
    model: 'gpt-5',
    temperature: 0.5,
    top_p: 0.9,
    max_completion_tokens: 7,
    stop: ['x'],
    seed: 1,
    frequency_penalty: 1,
    presence_penalty: 1,
    parallel_tool_calls: false,
    tools: [{ type: 'function', function: tool }],
    messages: [
      { role: 'system', content: 'be brief' },
      { role: 'assistant', tool_calls: [{ id: 't1', function: { name: 'find', arguments: '{ "id": 1.0 }' } }] },
      { role: 'tool', tool_call_id: 't1', content: 'found' },
      { role: 'user', content: 'hi' },
    ],
  });
});

test('what is empty asks for nothing, and there is no warning', async () => {
  const { warnings } = await call({
    prompt: 'hi',
    images: [],
    providerOptions: {},
    tools: [{ ...tool, providerOptions: {} }],
  });
  expect(warnings).toEqual([]);
});

/** An engine whose runner gets these chunks from a client that hands them on as they are. */
function engineOf(chunks: unknown[]): InferenceEngine {
  const create = async () =>
    (async function* () {
      yield* chunks;
    })();
  const client = { chat: { completions: { create } } } as unknown as OpenAI;
  return new InferenceEngine({ runner: openAiRunner(client) as InferenceRunner });
}

test('without hints it serves every model, also one that is not registered', async () => {
  expect(await engineOf([CHUNK]).generate({ model: 'any', prompt: 'hi' })).toMatchObject({ text: 'hi' });
});

test('a chunk without choices, or a choice without a delta, brings no text', async () => {
  const chunks = [{ usage: null }, { choices: [{ index: 0, finish_reason: null }] }, CHUNK];
  expect(await engineOf(chunks).generate({ prompt: 'hi' })).toMatchObject({ text: 'hi' });
});

test.each<[string, unknown, object]>([
  [
    'an object',
    { message: 'too busy', code: 'overloaded', type: 'server_error' },
    { message: 'runner failed: too busy', providerCode: 'overloaded', retryable: true },
  ],
  [
    'an object with a status',
    { message: 'no credit', code: 402, type: 'billing_error' },
    { status: 402, providerCode: 'billing_error', retryable: false },
  ],
  ['a text', 'too busy', { message: 'runner failed: too busy', body: 'too busy' }],
])('a failure that the service sends as a chunk is the failure of the call: %s', async (_name, error, said) => {
  const caught = await rejection(engineOf([CHUNK, { error }]).generate({ prompt: 'hi' }));
  expect(caught).toBeInstanceOf(RunnerFailedError);
  expect(caught).toMatchObject({ ...said, body: error, text: 'hi' });
});
