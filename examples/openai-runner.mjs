// A runner on the real `openai` SDK: OpenAI's Chat Completions vocabulary is translated here and nowhere else.
// It keeps no rules of its own: order, limits, retries, folding and the log are the engine's.
import { RunnerDeclinedError, RunnerFailedError } from 'car-inference';

const stopReasons = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool-calls',
  function_call: 'tool-calls',
  content_filter: 'content-filter',
};

/**
 * @param {import('openai').OpenAI} client made with `maxRetries: 0`: whether to try again is the engine's decision.
 * @param {{ hints?: string[] }} options the model hints that this client serves; requests for others are declined. Without
 *   `hints` it serves every model.
 * @returns {import('car-inference').InferenceRunner}
 *
 * @example
 * const client = new OpenAI({ maxRetries: 0 });
 * const engine = new InferenceEngine({ runner: openAiRunner(client) });
 * const { text } = await engine.generate({ model: 'gpt-5', prompt: 'hi' });
 */
export function openAiRunner(client, { hints } = {}) {
  return {
    async *run(request, { hint, model, signal }) {
      if (hints !== undefined && !hints.includes(hint))
        throw new RunnerDeclinedError(`not a model of this client: hint ${hint}`);
      for (const field of notCarried(request)) {
        yield {
          type: 'warning',
          code: 'not-carried',
          message: `this runner does not send \`${field}\` to the service`,
        };
      }
      // What the SDK throws is left alone: it becomes the `cause`, with its status, headers and body.
      const chunks = await client.chat.completions.create(bodyOf(request, model.id), { signal });
      yield* eventsOf(chunks);
    },
  };
}

/** What of the request `bodyOf` leaves out. The caller gets a warning for each: an option must not be lost silently. */
function* notCarried(request) {
  for (const field of ['images', 'responseFormat', 'providerOptions']) {
    if (isGiven(request[field])) yield field;
  }
  for (const field of ['topK', 'reasoningEffort', 'budgetTokens', 'toolChoice']) {
    if (isGiven(request.params?.[field])) yield `params.${field}`;
  }
  for (const [index, message] of (request.messages ?? []).entries()) {
    if (isGiven(message.reasoning)) yield `messages[${index}].reasoning`;
  }
  for (const [index, tool] of (request.tools ?? []).entries()) {
    if (!isFunction(tool)) yield `tools[${index}]`;
    else if ([tool, tool.function].some((fields) => isGiven(fields?.providerOptions))) {
      yield `tools[${index}].providerOptions`;
    }
  }
}

/** An empty list or object asks for nothing. */
function isGiven(value) {
  return typeof value === 'object' && value !== null
    ? Object.keys(value).length > 0
    : value !== undefined && value !== null;
}

/** A tool with another `type` is one that a provider runs itself. */
function isFunction(tool) {
  return tool.type === undefined || tool.type === 'function';
}

/** The tool's own fields, which OpenAI's form keeps under `function`. */
function functionOf(tool) {
  return tool.function ?? tool;
}

function toolOf(tool) {
  const { name, description, parameters, strict } = functionOf(tool);
  return { type: 'function', function: { name, description, parameters, strict } };
}

/** Our request as the body of a Chat Completions request. Fields left undefined are not sent. */
function bodyOf(request, model) {
  const { params = {}, tools } = request;
  const functions = tools?.filter(isFunction).map(toolOf);
  return {
    model,
    messages: [...messagesOf(request)],
    tools: functions?.length > 0 ? functions : undefined,
    temperature: params.temperature,
    top_p: params.topP,
    max_completion_tokens: params.maxTokens,
    stop: params.stop,
    seed: params.seed,
    frequency_penalty: params.frequencyPenalty,
    presence_penalty: params.presencePenalty,
    parallel_tool_calls: params.parallelToolCalls,
    stream: true,
    stream_options: { include_usage: true },
  };
}

function* messagesOf({ context, messages = [], prompt }) {
  if (context) yield { role: 'system', content: context };
  for (const message of messages) yield messageOf(message);
  if (prompt) yield { role: 'user', content: prompt };
}

function messageOf(message) {
  switch (message.role) {
    case 'system':
    case 'user':
      return { role: message.role, content: message.content };
    case 'user-multimodal':
      return { role: 'user', content: message.content.map(partOf) };
    case 'assistant': {
      const calls = message.toolCalls?.map(({ id, name, arguments: input, rawArguments }) => ({
        id,
        type: 'function',
        // The model's own text where the call has it: numbers and spelling as they were.
        function: { name, arguments: rawArguments ?? (input === undefined ? '{}' : JSON.stringify(input)) },
      }));
      return { role: 'assistant', content: message.content, ...(calls?.length > 0 && { tool_calls: calls }) };
    }
    case 'tool-result':
      return { role: 'tool', tool_call_id: message.toolUseId, content: message.content };
    default:
      throw new RunnerDeclinedError(`Chat Completions has no message of role ${message.role}`);
  }
}

function partOf(block) {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: block.text };
    case 'image-url':
      return { type: 'image_url', image_url: { url: block.url, detail: block.detail } };
    case 'image-base64':
      return { type: 'image_url', image_url: { url: `data:${block.mediaType};base64,${block.data}` } };
    default:
      throw new RunnerDeclinedError(`Chat Completions takes no ${block.type} here`);
  }
}

/** The SDK's chunks as events. There is no `done` here: the engine makes it from what was streamed. */
async function* eventsOf(chunks) {
  const openCalls = new Set();
  for await (const { choices, usage, error } of chunks) {
    if (error) throw failureOf(error);
    const choice = choices?.[0];
    const { content, refusal, tool_calls: toolCalls } = choice?.delta ?? {};
    if (content) yield { type: 'text-delta', text: content };
    if (refusal) yield { type: 'refusal-delta', text: refusal };
    for (const call of toolCalls ?? []) yield* toolCallEventsOf(call, openCalls);
    if (choice?.finish_reason) {
      // The wire does not say when a tool call is whole; here it is certain.
      for (const index of openCalls) yield { type: 'tool-call-end', index };
      openCalls.clear();
      yield { type: 'stop-reason', reason: stopReasons[choice.finish_reason] ?? 'other', raw: choice.finish_reason };
    }
    if (usage) yield usageOf(usage);
  }
}

/** Services that only resemble OpenAI's may send a failure as a chunk, which the SDK passes on. */
function failureOf(error) {
  const { message, code, type } = error;
  const status = Number.isInteger(code) && code >= 400 && code <= 599 ? code : undefined;
  const providerCode = [code, type].find((word) => typeof word === 'string');
  const said = typeof error === 'string' ? error : (message ?? 'the service sent an error without a message');
  return new RunnerFailedError(String(said), { status, providerCode, body: error });
}

function* toolCallEventsOf({ index, id, function: call }, openCalls) {
  if (!openCalls.has(index)) {
    openCalls.add(index);
    yield { type: 'tool-call-start', index, id, name: call.name };
  }
  if (call?.arguments) yield { type: 'tool-call-delta', index, argumentsDelta: call.arguments };
}

/** What the service did not report stays undefined: unknown is not zero. */
function usageOf(usage) {
  return {
    type: 'usage',
    inputTokens: usage.prompt_tokens,
    outputTokens: usage.completion_tokens,
    totalTokens: usage.total_tokens,
    cacheReadInputTokens: usage.prompt_tokens_details?.cached_tokens,
    reasoningTokens: usage.completion_tokens_details?.reasoning_tokens,
  };
}
