// Generated from the Rust types by `npm run generate`. Do not edit.

/** Any JSON value. */
export type JsonValue = null | boolean | number | string | Array<JsonValue> | JsonObject;

/** A JSON object. */
export type JsonObject = { [key: string]: JsonValue };

/**
 * One event of a call. Serialises as `{ "type": "text-delta", … }`: kebab-case tags, camelCase fields.
 *
 */
export type StreamEvent = { "type": "text-delta" } & { text: string } | { "type": "reasoning-delta", 
/**
 * Which reasoning block; 0 when the provider has only one.
 */
index: number, 
/**
 * Appended to the block's text; may be empty when only the signature came.
 */
text: string, 
/**
 * Appended to the block's signature (Anthropic `signature_delta`, Gemini `thoughtSignature`).
 */
signature?: string | undefined, } | { "type": "refusal-delta" } & { text: string } | { "type": "tool-call-start", 
/**
 * The tool's name.
 */
name: string, 
/**
 * The call's place in the answer; deltas refer to it.
 */
index: number, 
/**
 * The provider's id of the call, if it gave one.
 */
id?: string | undefined, } | { "type": "tool-call-delta", 
/**
 * The call's index, as in its start.
 */
index: number, 
/**
 * Appended to the call's argument text.
 */
argumentsDelta: string, } | { "type": "tool-call-end", 
/**
 * The call's index, as in its start.
 */
index: number, 
/**
 * The whole argument text where the provider sends it again; replaces the fragments.
 */
arguments?: string | undefined, 
/**
 * The provider's signature of the call (Gemini `thoughtSignature`), byte-exact.
 */
signature?: string | undefined, } | { "type": "usage", 
/**
 * See `TokenUsage::input_tokens`.
 */
inputTokens?: number | undefined, 
/**
 * See `TokenUsage::output_tokens`.
 */
outputTokens?: number | undefined, 
/**
 * See `TokenUsage::total_tokens`.
 */
totalTokens?: number | undefined, 
/**
 * See `TokenUsage::cache_read_input_tokens`.
 */
cacheReadInputTokens?: number | undefined, 
/**
 * See `TokenUsage::cache_creation_input_tokens`.
 */
cacheCreationInputTokens?: number | undefined, 
/**
 * See `TokenUsage::reasoning_tokens`.
 */
reasoningTokens?: number | undefined, } | { "type": "stop-reason", 
/**
 * The unified reason.
 */
reason: StopReason, 
/**
 * The provider's own word (`end_turn`, `MAX_TOKENS`, …).
 */
raw?: string | undefined, } | { "type": "source" } & Source | { "type": "file" } & FileContent | { "type": "provider-output-item" } & { item: JsonValue } | { "type": "provider-event", 
/**
 * The wire's event name (`event:` of SSE), if it has one.
 */
name?: string | undefined, 
/**
 * The event as the provider sent it.
 */
data: JsonValue, } | { "type": "warning" } & Warning | { "type": "error" } & ErrorNote | { "type": "custom", 
/**
 * The host's name for it.
 */
name: string, 
/**
 * Its content.
 */
data: JsonValue, } | { "type": "done", 
/**
 * The whole answer text.
 */
text: string, 
/**
 * The tool calls, in the order of their index.
 */
toolCalls: Array<ToolCall>, };

/**
 * Why a model stopped, unified across providers. The names are those of the AI SDK's `finishReason`.
 */
export type StopReason = "stop" | "length" | "tool-calls" | "content-filter" | "error" | "other";

/**
 * A source or citation.
 */
export type Source = { 
/**
 * The provider's id of the source.
 */
id?: string | undefined, 
/**
 * Where it can be read.
 */
url?: string | undefined, 
/**
 * Its title.
 */
title?: string | undefined, 
/**
 * Its media type (RFC 6838), for documents.
 */
mediaType?: string | undefined, 
/**
 * What else the provider says of it (spans, quotes, …).
 */
providerMetadata?: JsonValue | undefined, };

/**
 * A file or image in an answer: inline or by address.
 */
export type FileContent = { 
/**
 * The media type (RFC 6838), such as `image/png`.
 */
mediaType: string, 
/**
 * The content in base64 (RFC 4648).
 */
data?: string | undefined, 
/**
 * Where the content can be fetched.
 */
url?: string | undefined, };

/**
 * An error that the runner reports without ending its call.
 */
export type ErrorNote = { 
/**
 * What happened.
 */
message: string, 
/**
 * The provider's code for it.
 */
code?: string | undefined, };

/**
 * Something the consumer should know that does not end the call.
 */
export type Warning = { 
/**
 * What happened.
 */
message: string, 
/**
 * A stable code: the runner's, or one of the engine's (`result-mismatch`, …).
 */
code?: string | undefined, };

/**
 * Tokens of one call, in tokens. A field that the provider did not report is `None`, never zero.
 *
 * Names follow the OpenTelemetry GenAI conventions (`gen_ai.usage.input_tokens`, …) and Anthropic's cache fields.
 */
export type TokenUsage = { 
/**
 * Tokens of the prompt, as the provider counts them.
 */
inputTokens?: number | undefined, 
/**
 * Tokens generated, reasoning included where the provider includes it.
 */
outputTokens?: number | undefined, 
/**
 * The provider's own total.
 */
totalTokens?: number | undefined, 
/**
 * Input tokens read from the provider's prompt cache.
 */
cacheReadInputTokens?: number | undefined, 
/**
 * Input tokens written to the provider's prompt cache.
 */
cacheCreationInputTokens?: number | undefined, 
/**
 * Output tokens spent on reasoning.
 */
reasoningTokens?: number | undefined, };

/**
 * One reasoning block, byte-exact.
 */
export type Reasoning = { 
/**
 * The block's index.
 */
index: number, 
/**
 * Its text.
 */
text: string, 
/**
 * The provider's signature over it.
 */
signature?: string | undefined, };

/**
 * A provider's signature of one tool call (Gemini `thoughtSignature`).
 */
export type ToolCallSignature = { 
/**
 * The call's place in `Completion::tool_calls`.
 */
position: number, 
/**
 * The signature, byte-exact.
 */
signature: string, };

/**
 * A tool call's JSON. The model's arguments are never rounded or rewritten:
 *
 * | the model's text | fields |
 * |---|---|
 * | equals `JSON.stringify(arguments)` | `arguments` |
 * | is the same value written differently (spaces, escapes, `1.0`, another order of array indexes), or a string | `arguments` and `rawArguments` |
 * | is JSON that a JavaScript value cannot hold (a number that a double would round, `-0`, a duplicate field, half a surrogate pair) | `rawArguments` |
 * | is not JSON, or nested deeper than 127 levels | `rawArguments` and `argumentsError` |
 * | is empty, or only white space | `arguments`, which is `{}` |
 *
 * On input, `arguments` may also be JSON text, as in OpenAI's SDK; it is parsed. You may also give only
 * `rawArguments`, which is read in the same way as streamed text. If you give both and they disagree,
 * `arguments` counts, because hosts edit that field.
 */
export type ToolCall = { 
/**
 * The provider's id of the call.
 */
id?: string | undefined, 
/**
 * The tool's name.
 */
name: string, 
/**
 * The parsed arguments. Absent when the text is not JSON, or when parsing would lose something. `null` is a value.
 */
arguments?: JsonValue | undefined, 
/**
 * The model's exact text, when `arguments` is absent or would be written differently.
 */
rawArguments?: string | undefined, 
/**
 * Why `rawArguments` is not JSON.
 */
argumentsError?: string | undefined, };

/**
 * The folded answer of a call. In a failed call it holds what had arrived.
 */
export type Completion = { 
/**
 * The answer text.
 */
text: string, 
/**
 * The tool calls, in the order of their index.
 */
toolCalls: Array<ToolCall>, 
/**
 * Token usage, when the provider reported any.
 */
usage?: TokenUsage | undefined, 
/**
 * What the call cost with all its attempts, in millionths of a US dollar. Absent when no model that reported usage has
 * `pricing`.
 */
costMicroUsd?: number | undefined, 
/**
 * Why the model stopped, unified.
 */
stopReason?: StopReason | undefined, 
/**
 * Why the model stopped, in the provider's word.
 */
rawStopReason?: string | undefined, 
/**
 * The reasoning blocks, byte-exact, to be sent back on the next turn.
 */
reasoning: Array<Reasoning>, 
/**
 * The provider's signatures of tool calls, byte-exact, to be sent back on the next turn.
 */
toolCallSignatures?: Array<ToolCallSignature> | undefined, 
/**
 * The refusal text, when the model refused.
 */
refusal?: string | undefined, 
/**
 * Sources and citations, in order.
 */
sources: Array<Source>, 
/**
 * Files and images, in order.
 */
files: Array<FileContent>, 
/**
 * Opaque items to send back unchanged, in order.
 */
providerOutputItems: Array<JsonValue>, 
/**
 * Warnings of the runner and of the engine, in order.
 */
warnings: Array<Warning>, 
/**
 * The call's trace id.
 */
traceId: string, 
/**
 * The id of the model that answered.
 */
modelUsed: string, };

/**
 * What to generate. In JSON, `prompt` may be left out when `messages` are given.
 *
 */
export type GenerateRequest = { 
/**
 * The prompt of a single turn: the user's message, after `messages` when both are given.
 */
prompt?: string | undefined, 
/**
 * The id of the model. May be left out when the engine knows just one.
 */
model?: string | undefined, 
/**
 * Models to try, in order, when every runner declines the one before. At most 16.
 */
fallbackModels?: Array<string> | undefined, 
/**
 * Sampling and limits.
 */
params?: GenerateParams | undefined, 
/**
 * System text put before the conversation.
 */
context?: string | undefined, 
/**
 * The conversation so far.
 */
messages?: Array<Message> | undefined, 
/**
 * Images of the prompt's turn.
 */
images?: Array<ContentBlock> | undefined, 
/**
 * Tools the model may call. A function tool has `name`, `description`, `parameters` (JSON Schema), `strict` and
 * `providerOptions`, and no other field. These fields may also be in `function`, as in OpenAI's format. A tool
 * with another `type` is a tool of the provider, and is passed to the runner unchanged.
 */
tools?: Array<Tool> | undefined, 
/**
 * The form of the answer; free text when absent.
 */
responseFormat?: ResponseFormat | undefined, 
/**
 * The host's own reference for the call, handed to the runner and recorded, never read.
 */
clientRef?: string | undefined, 
/**
 * The conversation that the call belongs to, for the log.
 */
conversationId?: string | undefined, 
/**
 * The trace id of the call that made this one, for the log.
 */
parentTraceId?: string | undefined, 
/**
 * Labels to find the call by in the log.
 */
tags?: Array<string> | undefined, 
/**
 * What only the runner understands, by provider; handed over unchanged.
 */
providerOptions?: JsonObject | undefined, };

/**
 * Sampling and limits. What is absent is left to the provider.
 */
export type GenerateParams = { 
/**
 * Sampling temperature, at least 0.
 */
temperature?: number | undefined, 
/**
 * Nucleus sampling, from 0 to 1.
 */
topP?: number | undefined, 
/**
 * Sampling among the k likeliest tokens.
 */
topK?: number | undefined, 
/**
 * The most tokens to generate, at least 1.
 */
maxTokens?: number | undefined, 
/**
 * Sequences that end the answer.
 */
stop?: Array<string> | undefined, 
/**
 * Seed of the sampling.
 */
seed?: number | undefined, 
/**
 * Frequency penalty, from -2 to 2.
 */
frequencyPenalty?: number | undefined, 
/**
 * Presence penalty, from -2 to 2.
 */
presencePenalty?: number | undefined, 
/**
 * How much a reasoning model should think.
 */
reasoningEffort?: ReasoningEffort | undefined, 
/**
 * The most tokens to spend on reasoning.
 */
budgetTokens?: number | undefined, 
/**
 * Whether and which tool to call.
 */
toolChoice?: ToolChoice | undefined, 
/**
 * Whether several tools may be called at once.
 */
parallelToolCalls?: boolean | undefined, };

/**
 * A tool that the model may call.
 */
export type Tool = FunctionTool | NestedFunctionTool | ProviderTool;

/**
 * A function that the model may call. Other fields are refused when the call is made.
 */
export type FunctionTool = { 
/**
 * Tells it from a tool of the provider, which has another `type`.
 */
type?: 'function' | undefined, 
/**
 * Its name.
 */
name: string, 
/**
 * What it does, for the model.
 */
description?: string | null | undefined, 
/**
 * The JSON Schema of its arguments.
 */
parameters?: object | null | undefined, 
/**
 * Whether the arguments must follow the schema.
 */
strict?: boolean | null | undefined, 
/**
 * What only the runner understands, by provider.
 */
providerOptions?: JsonObject | null | undefined, };

/**
 * A function tool in the format of OpenAI's Chat Completions.
 */
export type NestedFunctionTool = { 
/**
 * Tells it from a tool of the provider, which has another `type`.
 */
type?: 'function' | undefined, 
/**
 * The function.
 */
function: Omit<FunctionTool, 'type'>, 
/**
 * What only the runner understands, by provider.
 */
providerOptions?: JsonObject | null | undefined, };

/**
 * A tool of the provider, with any `type` except `'function'`. It is passed to the runner unchanged.
 */
export type ProviderTool = { type: string, [field: string]: unknown } | { type: string };

/**
 * Which tool the model is to call.
 */
export type ToolChoice = { "type": "auto" } | { "type": "none" } | { "type": "required" } | { "type": "tool", 
/**
 * Its name.
 */
name: string, };

/**
 * How much a reasoning model should think.
 */
export type ReasoningEffort = "none" | "minimal" | "low" | "medium" | "high" | "xhigh";

/**
 * The form of the answer.
 */
export type ResponseFormat = { "type": "json-schema", 
/**
 * The JSON Schema.
 */
schema: JsonValue, 
/**
 * Whether the provider must refuse any deviation.
 */
strict?: boolean | undefined, 
/**
 * The schema's name (OpenAI).
 */
name?: string | undefined, } | { "type": "json-object" };

/**
 * One turn of a conversation.
 */
export type Message = { "role": "system", 
/**
 * Its text.
 */
content: string, } | { "role": "user", 
/**
 * Its text.
 */
content: string, } | { "role": "user-multimodal", 
/**
 * Its parts, in order.
 */
content: Array<ContentBlock>, } | { "role": "assistant", 
/**
 * Its text.
 */
content?: string | undefined, 
/**
 * The tool calls it made.
 */
toolCalls?: Array<ToolCall> | undefined, 
/**
 * Its reasoning, to be sent back unchanged.
 */
reasoning?: Array<Reasoning> | undefined, } | { "role": "tool-result", 
/**
 * The id of the tool call it answers.
 */
toolUseId: string, 
/**
 * The result as text.
 */
content: string, } | { "role": "provider-output-items", 
/**
 * The wire they belong to, such as `openai-responses`.
 */
protocol: string, 
/**
 * The items, in order.
 */
items: Array<JsonValue>, };

/**
 * A part of a multimodal message.
 */
export type ContentBlock = { "type": "text", 
/**
 * The text.
 */
text: string, } | { "type": "image-base64", 
/**
 * Base64 (RFC 4648) of the image.
 */
data: string, 
/**
 * Its media type, such as `image/png`.
 */
mediaType: string, } | { "type": "image-url", 
/**
 * Where it is.
 */
url: string, 
/**
 * `auto`, `low` or `high` (OpenAI).
 */
detail?: string | undefined, } | { "type": "audio-base64", 
/**
 * Base64 of the audio.
 */
data: string, 
/**
 * Its media type.
 */
mediaType: string, } | { "type": "audio-url", 
/**
 * Where it is.
 */
url: string, } | { "type": "video-base64", 
/**
 * Base64 of the video.
 */
data: string, 
/**
 * Its media type.
 */
mediaType: string, } | { "type": "video-url", 
/**
 * Where it is.
 */
url: string, } | { "type": "file-base64", 
/**
 * Base64 of the document.
 */
data: string, 
/**
 * Its media type.
 */
mediaType: string, 
/**
 * Its name.
 */
name?: string | undefined, };

/**
 * A model that an engine can be asked for.
 */
export type ModelSchema = { 
/**
 * What requests call it, such as `gpt-5` or `anthropic/claude-sonnet-4-5`.
 */
id: string, 
/**
 * How the model is served. Default: by a runner, without a hint.
 */
source: ModelSource, 
/**
 * A name for people.
 */
name?: string | undefined, 
/**
 * The provider's name, as in OpenTelemetry's `gen_ai.provider.name`.
 */
provider?: string | undefined, 
/**
 * The model family.
 */
family?: string | undefined, 
/**
 * The context window, in tokens.
 */
contextLength?: number | undefined, 
/**
 * The most tokens of one answer.
 */
maxOutputTokens?: number | undefined, 
/**
 * What its tokens cost, for the cost of calls.
 */
pricing?: ModelPricing | undefined, 
/**
 * Labels of the host's own.
 */
tags?: Array<string> | undefined, };

/**
 * Who serves a model. In JSON, `type` may be left out.
 */
export type ModelSource = { "type": "delegated", 
/**
 * The slots for this hint are tried first. The runner also gets the hint. Typically the provider's id
 * (`openai`, `anthropic`, …).
 */
hint?: string | undefined, };

/**
 * What a model's tokens cost, in US dollars per million tokens, as providers list it. What is absent costs what `input` does.
 */
export type ModelPricing = { 
/**
 * Of input that is not cached.
 */
input: number, 
/**
 * Of output, reasoning included.
 */
output: number, 
/**
 * Of input read from the provider's cache.
 */
cacheReadInput?: number | undefined, 
/**
 * Of input written to the provider's cache.
 */
cacheCreationInput?: number | undefined, 
/**
 * Whether the provider counts cached input beside its input tokens, as Anthropic does, or as part of them, as OpenAI and
 * Google do. Default: part of them.
 */
countsCachedInputApart?: boolean | undefined, };

/**
 * Settings of an engine. Everything has a default.
 */
export type EngineOptions = { 
/**
 * The models that requests can name.
 */
models?: Array<ModelSchema> | undefined, 
/**
 * How long to wait.
 */
timeouts?: Timeouts | undefined, 
/**
 * How much to hold.
 */
limits?: Limits | undefined, 
/**
 * Whether to try again.
 */
retry?: RetryPolicy | undefined, 
/**
 * Whether calls go on when the event log has failed.
 */
onLogFailure?: OnLogFailure | undefined, };

/**
 * What becomes of calls when the event log has failed.
 */
export type OnLogFailure = "refuse" | "continue";

/**
 * Settings of one call, instead of the engine's.
 */
export type CallOptions = { 
/**
 * How long to wait. Times left out are the engine's.
 */
timeouts?: TimeoutOverrides | undefined, 
/**
 * How much to hold. Bounds left out are the engine's.
 */
limits?: LimitOverrides | undefined, 
/**
 * Whether to try again. What is left out is the engine's.
 */
retry?: RetryOverrides | undefined, };

/**
 * How long to wait, in milliseconds. `null` (Rust: `None`) waits forever.
 */
export type Timeouts = { 
/**
 * Until the first event of an attempt. Default 600,000 (10 minutes): reasoning models can be silent that long.
 */
firstEventMs?: number | null | undefined, 
/**
 * Between events; any event starts it anew, and it stands still while the consumer is the slow one. Default
 * 300,000 (5 minutes).
 */
idleMs?: number | null | undefined, 
/**
 * For the whole call, attempts and waits included. Default 3,600,000 (1 hour).
 */
totalMs?: number | null | undefined, 
/**
 * How long a runner that was told to stop, or that has emitted `done`, may take to settle before it is sealed
 * off. Default 500.
 */
graceMs?: number | undefined, };

/**
 * Times of one call; a field left out keeps the engine's, `null` waits forever.
 */
export type TimeoutOverrides = { 
/**
 * See `Timeouts::first_event_ms`.
 */
firstEventMs?: number | null | undefined, 
/**
 * See `Timeouts::idle_ms`.
 */
idleMs?: number | null | undefined, 
/**
 * See `Timeouts::total_ms`.
 */
totalMs?: number | null | undefined, 
/**
 * See `Timeouts::grace_ms`.
 */
graceMs?: number | undefined, };

/**
 * How much a call may hold. Reaching a buffer's bound slows the runner; reaching any other ends the call with
 * `ErrorCode::LimitExceeded`.
 */
export type Limits = { 
/**
 * Events waiting for the consumer before the runner is slowed. Default 256.
 */
bufferedEventsMax?: number | undefined, 
/**
 * Bytes waiting for the consumer before the runner is slowed. Default 1 MiB. One larger event may wait alone.
 */
bufferedBytesMax?: number | undefined, 
/**
 * Events that a runner may emit without waiting for room before its call ends. Default 16,384.
 */
unawaitedEventsMax?: number | undefined, 
/**
 * Bytes of one event. Default 16 MiB.
 */
eventBytesMax?: number | undefined, 
/**
 * Bytes of all events of one call. Default 64 MiB.
 */
callBytesMax?: number | undefined, 
/**
 * Calls in flight inside one another, each made by the runner of the one around it. Default 32.
 */
nestedCallsMax?: number | undefined, };

/**
 * Bounds of one call; a field left out keeps the engine's.
 */
export type LimitOverrides = { 
/**
 * See `Limits::buffered_events_max`.
 */
bufferedEventsMax?: number | undefined, 
/**
 * See `Limits::buffered_bytes_max`.
 */
bufferedBytesMax?: number | undefined, 
/**
 * See `Limits::unawaited_events_max`.
 */
unawaitedEventsMax?: number | undefined, 
/**
 * See `Limits::event_bytes_max`.
 */
eventBytesMax?: number | undefined, 
/**
 * See `Limits::call_bytes_max`.
 */
callBytesMax?: number | undefined, 
/**
 * See `Limits::nested_calls_max`.
 */
nestedCallsMax?: number | undefined, };

/**
 * Whether to run a runner again after it failed, or was silent for too long, before any content. Off by default.
 */
export type RetryPolicy = { 
/**
 * Runs of one runner for one model in all. Default 1: no retry.
 */
attemptsMax?: number | undefined, 
/**
 * The wait before the second run, in milliseconds; a provider's longer `Retry-After` wins. Default 500.
 */
backoffMs?: number | undefined, 
/**
 * What each further wait is multiplied by. Default 2.
 */
backoffFactor?: number | undefined, 
/**
 * The longest wait, in milliseconds; a provider that asks for more is not retried. Default 30,000.
 */
backoffMaxMs?: number | undefined, };

/**
 * Retries of one call; a field left out keeps the engine's.
 */
export type RetryOverrides = { 
/**
 * See `RetryPolicy::attempts_max`.
 */
attemptsMax?: number | undefined, 
/**
 * See `RetryPolicy::backoff_ms`.
 */
backoffMs?: number | undefined, 
/**
 * See `RetryPolicy::backoff_factor`.
 */
backoffFactor?: number | undefined, 
/**
 * See `RetryPolicy::backoff_max_ms`.
 */
backoffMaxMs?: number | undefined, };

/**
 * One thing that is wrong with an input, and where.
 */
export type Problem = { 
/**
 * Where, such as `messages[2].content`; empty for the whole.
 */
path: string, 
/**
 * What is wrong, and what is expected.
 */
message: string, };

/**
 * What a failure is, in one word. Stable; the same in Rust, JavaScript (`error.code`) and the log.
 */
export type ErrorCode = "no-runner" | "model-not-found" | "invalid-request" | "runner-declined" | "runner-failed" | "policy-denied" | "cancelled" | "timeout" | "protocol" | "limit-exceeded" | "log-failed" | "engine-closed" | "stream-locked" | "internal";

/**
 * A failed call's failure, as data: what the log keeps, and what hosts make their own errors from.
 */
export type Failure = { 
/**
 * What it is.
 */
code: ErrorCode, 
/**
 * What happened, for people.
 */
message: string, 
/**
 * Whether the same request may succeed later.
 */
retryable: boolean, 
/**
 * What is wrong with the request, or with the runner's event.
 */
problems?: Array<Problem> | undefined, 
/**
 * Which time ran out.
 */
timeout?: TimeoutDetail | undefined, 
/**
 * Which bound was reached.
 */
limit?: LimitDetail | undefined, 
/**
 * The runner's failure.
 */
runner?: RunnerFailure | undefined, 
/**
 * Why it was cancelled.
 */
cancel?: CancelReason | undefined, 
/**
 * What policy denied.
 */
policy?: PolicyDetail | undefined, 
/**
 * What kind of failure of the event log it was.
 */
log?: LogErrorKind | undefined, };

/**
 * What a runner can say of its failure beside the message of `RunnerError`: see
 * `EventEmitter::describe_failure`.
 */
export type FailureDetails = { 
/**
 * The error's class or name, such as `RateLimitError`.
 */
name?: string | undefined, 
/**
 * The provider's error code.
 */
code?: string | undefined, 
/**
 * The HTTP status.
 */
status?: number | undefined, 
/**
 * The provider's id of the request, for example to give to its support.
 */
requestId?: string | undefined, 
/**
 * How long the provider asks to wait (RFC 9110 `Retry-After`), in milliseconds.
 */
retryAfterMs?: number | undefined, 
/**
 * The body of the provider's answer.
 */
body: JsonValue, 
/**
 * Whether trying again may help, when the runner knows.
 */
retryable?: boolean | undefined, 
/**
 * The host's id of the error object itself.
 */
causeId: number, 
/**
 * Where it was thrown.
 */
stack?: string | undefined, 
/**
 * The chain of causes, nearest first.
 */
causes?: Array<FailureCause> | undefined, };

/**
 * One cause of a failure, such as the refused connection that made `fetch` fail.
 */
export type FailureCause = { 
/**
 * The error's message.
 */
message: string, 
/**
 * The error's name or class, such as `ConnectTimeoutError`.
 */
name?: string | undefined, 
/**
 * The error's code, such as `ECONNREFUSED`.
 */
code?: string | undefined, };

/**
 * A runner's failure, with the attempt it belongs to.
 */
export type RunnerFailure = { 
/**
 * Whether it declined or failed.
 */
kind: RunnerFailureKind, 
/**
 * The attempt's number, from 1.
 */
attempt: number, 
/**
 * The runner's own message.
 */
message: string, 
/**
 * The error's class or name, such as `RateLimitError`.
 */
name?: string | undefined, 
/**
 * The provider's error code.
 */
code?: string | undefined, 
/**
 * The HTTP status.
 */
status?: number | undefined, 
/**
 * The provider's id of the request, for example to give to its support.
 */
requestId?: string | undefined, 
/**
 * How long the provider asks to wait (RFC 9110 `Retry-After`), in milliseconds.
 */
retryAfterMs?: number | undefined, 
/**
 * The body of the provider's answer.
 */
body: JsonValue, 
/**
 * Whether trying again may help, when the runner knows.
 */
retryable?: boolean | undefined, 
/**
 * The host's id of the error object itself.
 */
causeId: number, 
/**
 * Where it was thrown.
 */
stack?: string | undefined, 
/**
 * The chain of causes, nearest first.
 */
causes?: Array<FailureCause> | undefined, };

/**
 * Whether a runner declined or failed.
 */
export type RunnerFailureKind = "declined" | "failed";

/**
 * A time that ran out.
 */
export type TimeoutDetail = { 
/**
 * Which time.
 */
kind: TimeoutKind, 
/**
 * How long it was, in milliseconds.
 */
ms: number, };

/**
 * Which time ran out.
 */
export type TimeoutKind = "first-event" | "idle" | "total";

/**
 * A bound that was reached.
 */
export type LimitDetail = { 
/**
 * Its name in `Limits`, such as `eventBytesMax`.
 */
name: string, 
/**
 * Its value.
 */
max: number, };

/**
 * Why a call was cancelled.
 */
export type CancelReason = { 
/**
 * Who cancelled.
 */
kind: CancelKind, 
/**
 * In their words.
 */
message?: string | undefined, 
/**
 * The host's id of the reason's own object.
 */
causeId?: number | undefined, };

/**
 * Who cancelled.
 */
export type CancelKind = "consumer" | "signal" | "engine";

/**
 * What policy denied.
 */
export type PolicyDetail = { 
/**
 * Where it was asked.
 */
point: PolicyPoint, 
/**
 * Which policy decided.
 */
policyId?: string | undefined, };

/**
 * Where policy was asked.
 */
export type PolicyPoint = "request" | "event" | "ending";

/**
 * How a call ended, in one word.
 */
export type CallStatus = "open" | "done" | "cancelled" | "failed" | "denied" | "timeout" | "interrupted";

/**
 * A call as the log keeps it.
 */
export type CallRecord = { 
/**
 * The call's position in every list of its log, for `CallFilter::cursor`. Not valid
 * for another log, even if the call is exported and imported there.
 */
cursor: string, 
/**
 * The call's trace id.
 */
traceId: string, 
/**
 * The model asked for, or the one that answered.
 */
model: string, 
/**
 * The model's hint.
 */
hint?: string | undefined, 
/**
 * The model's provider.
 */
provider?: string | undefined, 
/**
 * The host's own reference.
 */
clientRef?: string | undefined, 
/**
 * The conversation it belongs to.
 */
conversationId?: string | undefined, 
/**
 * The call that made it.
 */
parentTraceId?: string | undefined, 
/**
 * Its labels.
 */
tags: Array<string>, 
/**
 * How it ended, or `open`.
 */
status: CallStatus, 
/**
 * When it started, in milliseconds since the Unix epoch.
 */
startedAt: number, 
/**
 * When its first event came.
 */
firstEventAt?: number | undefined, 
/**
 * When it ended.
 */
endedAt?: number | undefined, 
/**
 * Why the model stopped.
 */
stopReason?: StopReason | undefined, 
/**
 * Token usage, when the provider reported any.
 */
usage?: TokenUsage | undefined, 
/**
 * What it cost with all its attempts, in millionths of a US dollar, when the model has `pricing` and reported usage.
 */
costMicroUsd?: number | undefined, 
/**
 * The answer text; partial unless the status is `done`. Absent while the call is open.
 */
text?: string | undefined, 
/**
 * The tool calls. Empty while the call is open.
 */
toolCalls: Array<ToolCall>, 
/**
 * Why it failed.
 */
failure?: Failure | undefined, 
/**
 * The runs of runners, in order.
 */
attempts: Array<AttemptRecord>, 
/**
 * What policy decided, in order; events that passed unchanged are not listed.
 */
verdicts: Array<VerdictRecord>, 
/**
 * What did not end the call, in order.
 */
notes: Array<Note>, 
/**
 * How many events are recorded.
 */
eventCount: number, 
/**
 * The request. Absent when the payload was erased.
 */
request?: GenerateRequest | undefined, 
/**
 * When the payload was erased, in milliseconds since the Unix epoch. If the call was open when the erasure was
 * requested: when the call ended.
 */
erasedAt?: number | undefined, 
/**
 * When the erasure of an open call was requested, in milliseconds since the Unix epoch; absent after the call has
 * ended. From this time on the log holds no payload of the call.
 */
eraseRequestedAt?: number | undefined, };

/**
 * Which calls to list. What is absent does not restrict; what is given has to hold, all of it.
 */
export type CallFilter = { 
/**
 * Only of this model: the one that answered, or the one asked for while the call is open.
 */
model?: string | undefined, 
/**
 * Only with this status.
 */
status?: CallStatus | undefined, 
/**
 * Only with all of these labels.
 */
tags?: Array<string> | undefined, 
/**
 * Only of this conversation.
 */
conversationId?: string | undefined, 
/**
 * Only made by this call.
 */
parentTraceId?: string | undefined, 
/**
 * Only with this reference of the host.
 */
clientRef?: string | undefined, 
/**
 * Only started at this time or later, in milliseconds since the Unix epoch.
 */
since?: number | undefined, 
/**
 * Only started before this time, in milliseconds since the Unix epoch.
 */
until?: number | undefined, 
/**
 * Only calls with all of these words, each in the prompt or in the answer. Words in double quotes have to follow
 * each other. Case and Unicode forms do not matter; accents do. In scripts without spaces between words (such as
 * Chinese, Japanese and Thai) and in Korean, any part of a sentence matches. A durable log has to be opened with
 * `fullTextSearch`.
 */
text?: string | undefined, 
/**
 * At most so many.
 */
limit?: number | undefined, 
/**
 * Only calls after the call with this `CallRecord::cursor`, in the order of this list. The cursor may come from
 * any list of the same log, whatever its filter and order. The call may have been pruned meanwhile.
 */
cursor?: string | undefined, 
/**
 * In which order. Default: the newest first.
 */
order?: CallOrder | undefined, };

/**
 * The order of a list of calls: by start. Calls with the same start are in the order in which they were recorded, or
 * its reverse.
 */
export type CallOrder = "newest" | "oldest";

/**
 * Which events of a call.
 */
export type EventRange = { 
/**
 * From this number on. Default: 1.
 */
from?: number | undefined, 
/**
 * Up to this number, itself included. Default: the last.
 */
to?: number | undefined, };

/**
 * One thing that was recorded, as `LogStore::tail` gives it.
 */
export type TailItem = { "type": "call-start", 
/**
 * Where to go on after this.
 */
cursor: string, 
/**
 * The call's trace id.
 */
traceId: string, 
/**
 * The call as it is recorded now, which may be further on.
 */
call: CallRecord, } | { "type": "event", 
/**
 * Where to go on after this.
 */
cursor: string, 
/**
 * The call's trace id.
 */
traceId: string, 
/**
 * Its number, from 1, without gaps.
 */
seq: number, 
/**
 * When it came, in milliseconds since the Unix epoch, to the microsecond.
 */
at: number, 
/**
 * The attempt it belongs to, from 1.
 */
attempt: number, 
/**
 * The event.
 */
event: StreamEvent, } | { "type": "call-end", 
/**
 * Where to go on after this.
 */
cursor: string, 
/**
 * The call's trace id.
 */
traceId: string, 
/**
 * The call.
 */
call: CallRecord, };

/**
 * A time in which a log recorded nothing, because it had failed. It has a record in the chain.
 */
export type LogOutage = { 
/**
 * The kind of failure.
 */
reason: LogErrorKind, 
/**
 * What had happened, as text for humans.
 */
message: string, 
/**
 * When it failed, in milliseconds since the Unix epoch.
 */
failedAt: number, 
/**
 * When it was reopened, in milliseconds since the Unix epoch.
 */
reopenedAt: number, 
/**
 * How many calls were open when it failed. They are recorded as `interrupted`.
 */
interruptedCalls: number, 
/**
 * How many calls began after it failed and ran without being recorded, on engines with `onLogFailure: 'continue'`.
 */
unrecordedCalls: number, 
/**
 * How many calls had ended, without waiting for their commit, and lost their ending: with durability `relaxed`.
 * Those whose start was recorded are counted as interrupted too.
 */
lostCalls: number, };

/**
 * What is in a log, and how it is.
 */
export type LogStats = { 
/**
 * How many calls it holds.
 */
calls: number, 
/**
 * How many of them are open.
 */
openCalls: number, 
/**
 * When the oldest of them started, in milliseconds since the Unix epoch.
 */
oldestAt?: number | undefined, 
/**
 * When the newest of them started.
 */
newestAt?: number | undefined, 
/**
 * The size of the log in bytes, which `PruneOptions::max_bytes` bounds. For a durable log: the size of its file
 * after the write-ahead log has been copied into it. For a log in memory: the approximate size of its ended calls.
 */
bytes: number, 
/**
 * The size of the write-ahead log in bytes, beside the file. Absent for a log in memory.
 */
walBytes?: number | undefined, 
/**
 * The number of the last record that is durable.
 */
durableSeq: number, 
/**
 * How many bytes wait to be written, about.
 */
queuedBytes: number, 
/**
 * Why the log has failed, when it has.
 */
failure?: string | undefined, 
/**
 * How many times the log has failed and was reopened.
 */
outages: number, 
/**
 * The last outage.
 */
lastOutage?: LogOutage | undefined, };

/**
 * What kind of failure a `LogError` is.
 */
export type LogErrorKind = "disk-full" | "io" | "read-only" | "moved" | "locked" | "corrupt" | "not-a-log" | "newer-version" | "wrong-key" | "invalid-path" | "queue-full" | "closed" | "unsupported" | "invalid-input" | "other";

/**
 * Which calls `LogStore::prune` removes: ended calls beyond any of these bounds, the oldest
 * first (by start). Open calls stay. At least one bound is required.
 */
export type PruneOptions = { 
/**
 * Those that ended longer ago, in milliseconds.
 */
maxAge?: number | undefined, 
/**
 * So many that no more than this number is left.
 */
maxCalls?: number | undefined, 
/**
 * The maximum of `LogStats::bytes`: calls are removed, one after the other, until the log is within this bound.
 * Space is freed in pages of 4 KiB, so a few more calls may be removed than their own size suggests. Nothing is
 * removed while the log is within the bound.
 */
maxBytes?: number | undefined, 
/**
 * Not those with one of these labels, whatever the bounds say.
 */
keep?: Array<string> | undefined, };

/**
 * What was pruned.
 */
export type PruneReport = { 
/**
 * How many calls are gone.
 */
calls: number, 
/**
 * By how many bytes the log is smaller.
 */
bytes: number, };

/**
 * The calls whose payload to erase. Give exactly one of these.
 */
export type EraseTarget = { 
/**
 * The call with this trace id.
 */
traceId?: string | undefined, 
/**
 * All calls with this tag, ended and open.
 */
tag?: string | undefined, };

/**
 * What was erased.
 */
export type EraseReport = { 
/**
 * The trace ids of the ended calls whose payload was erased now. Calls that were erased before are not listed.
 */
traceIds: Array<string>, 
/**
 * The trace ids of calls that are still open. Their payload so far is removed from the log, and later payload does
 * not reach it. Further erasures list them too until they end. Absent when there are none.
 */
pendingTraceIds?: Array<string> | undefined, };

/**
 * What an import has come to.
 */
export type ImportReport = { 
/**
 * How many calls were taken.
 */
calls: number, 
/**
 * How many were there already, by their trace id, and left alone.
 */
known: number, };

/**
 * How a log is opened. In JSON all but the keys, which a host passes as bytes.
 */
export type SqliteLogOptions = { 
/**
 * What endings wait for. Default: `call`.
 */
durability?: Durability | undefined, 
/**
 * What may be done with the log. Default: `write`.
 */
access?: LogAccess | undefined, 
/**
 * How long to wait for another process that writes to the log, in milliseconds. Default: 0, an error at once.
 */
lockWaitMs?: number | undefined, 
/**
 * Whether prompts and answers are indexed, for `CallFilter::text`. Default: as the log was
 * made; a new one is not. Turned on later, it indexes what is there. Not with a key.
 */
fullTextSearch?: boolean | undefined, 
/**
 * How many bytes may wait to be written before whoever records has to wait. Default: 64 MiB.
 */
queueBytesMax?: number | undefined, 
/**
 * What is removed, by itself, every `retention_interval_ms`.
 */
retention?: PruneOptions | undefined, 
/**
 * How often `retention` is applied, in milliseconds. Default: 3,600,000; first a minute after opening, or
 * sooner when this is less.
 */
retentionIntervalMs?: number | undefined, 
/**
 * What never reaches the log. Default: the keys of the common providers, and fields such as `authorization`.
 */
redaction?: RedactionOptions | undefined, };

/**
 * What a call's ending waits for, and so what the log survives.
 *
 * | mode | the ending waits for | process killed | power lost |
 * |---|---|---|---|
 * | `relaxed` | nothing | loses what was recorded in the last tens of milliseconds | loses what was not yet synced, about the last seconds |
 * | `call` | its commit | loses nothing of calls whose ending was delivered | as `relaxed` |
 * | `strict` | its commit, synced to the disk | as `call` | loses nothing of calls whose ending was delivered |
 * | `event` | as `strict`; and so does every event | loses nothing that was delivered | loses nothing that was delivered |
 *
 * In every mode the file stays whole, and what was recorded of a call that was cut off is found.
 */
export type Durability = "relaxed" | "call" | "strict" | "event";

/**
 * What may be done with the log.
 */
export type LogAccess = "write" | "read";

/**
 * What is removed from what is recorded.
 *
 */
export type RedactionOptions = { 
/**
 * Whether the built-in rules apply. They find keys in known formats, private keys, passwords in URLs, and secrets
 * after a label such as `api_key=` or in a field such as `authorization`. Default true. No list of formats is
 * complete: add your own secrets in `patterns` and `fields`.
 */
builtin?: boolean | undefined, 
/**
 * Regular expressions of what else is secret, in the syntax of Rust's `regex`. At most 64. They must not match the
 * empty string, and word boundaries are ASCII's: `(?-u:\b)`.
 */
patterns?: Array<string> | undefined, 
/**
 * Fields whose values are secret, by their path in the request, the event, the completion or the failure:
 * `providerOptions.openai.user`, `messages[*].content`, `**.ssn`. `*` is any one name or index, `**` any number
 * of them. At most 256. What is no text by its type, such as `params.seed`, stays.
 */
fields?: Array<string> | undefined, };

/**
 * What to compare a log with beside itself.
 */
export type VerifyOptions = { 
/**
 * A statement of where the log ended, which was kept elsewhere.
 */
checkpoint?: Checkpoint | undefined, 
/**
 * The key that the checkpoint has to be signed with, 64 hex digits. Default: the one it names.
 */
publicKey?: string | undefined, };

/**
 * What a log came to when it was compared with its chain.
 */
export type VerifyReport = { 
/**
 * Whether everything is as it was written.
 */
ok: boolean, 
/**
 * How many records were read.
 */
records: number, 
/**
 * How many calls were compared.
 */
calls: number, 
/**
 * The link of the last record, 64 hex digits.
 */
head: string, 
/**
 * The trace ids of the calls whose payload was erased.
 */
erased: Array<string>, 
/**
 * How many calls were pruned.
 */
prunedCalls: number, 
/**
 * The first thing that is wrong.
 */
problem?: VerifyProblem | undefined, };

/**
 * What is wrong with a log, and where.
 */
export type VerifyProblem = { 
/**
 * The table; `file` for what is no table's.
 */
table: string, 
/**
 * The row: a position of `records`, an id of `calls`.
 */
row?: number | undefined, 
/**
 * What is wrong with it.
 */
message: string, };

/**
 * A signed statement of where a log ended. To be kept where who can write to the log cannot.
 *
 * Signed (Ed25519, RFC 8032) are the bytes of `car-inference checkpoint 1`, the log's id, the count, the head, the time in
 * microseconds and the public key, each followed by a line feed.
 */
export type Checkpoint = { 
/**
 * The log's id.
 */
logId: string, 
/**
 * How many records there had been: the position of the last.
 */
count: number, 
/**
 * The link of the last record, 64 hex digits.
 */
head: string, 
/**
 * When it was made, in microseconds since the Unix epoch.
 */
atUs: number, 
/**
 * The key that it can be checked with, 64 hex digits.
 */
publicKey: string, 
/**
 * The signature, 128 hex digits.
 */
signature: string, };

/**
 * One run of a runner.
 */
export type AttemptRecord = { 
/**
 * Its number, from 1, across runners and models.
 */
attempt: number, 
/**
 * The model it was for.
 */
model: string, 
/**
 * What it cost, when it failed; the call's own usage is that of its last attempt.
 */
usage?: TokenUsage | undefined, 
/**
 * How it failed.
 */
failure?: Failure | undefined, };

/**
 * A verdict of policy.
 */
export type VerdictRecord = { 
/**
 * Where policy was asked.
 */
point: PolicyPoint, 
/**
 * What it decided.
 */
decision: Decision, 
/**
 * The policy that decided.
 */
policyId?: string | undefined, 
/**
 * In its words.
 */
reason?: string | undefined, };

/**
 * What policy decided.
 */
export type Decision = "allow" | "replace" | "deny";

/**
 * Something that did not end the call.
 */
export type Note = { 
/**
 * A stable code, such as `second-done` or `result-mismatch`.
 */
code: string, 
/**
 * What happened. Never holds payload.
 */
message: string, };

/**
 * One event as the log keeps it.
 */
export type LoggedEvent = { 
/**
 * Its number, from 1, without gaps.
 */
seq: number, 
/**
 * When it came, in milliseconds since the Unix epoch, to the microsecond.
 */
at: number, 
/**
 * The attempt it belongs to, from 1.
 */
attempt: number, 
/**
 * The event.
 */
event: StreamEvent, };

/**
 * How a call ended: once, for good.
 */
export type Ending = { 
/**
 * In one word.
 */
status: CallStatus, 
/**
 * The answer; partial unless the status is `done`.
 */
completion: Completion, 
/**
 * Why it failed.
 */
failure?: Failure | undefined, };

/**
 * What a runner returns. Empty fields say nothing: the result is then what was streamed.
 */
export type RunnerResult = { 
/**
 * The whole answer text.
 */
text?: string | undefined, 
/**
 * The tool calls.
 */
toolCalls?: Array<ToolCall> | undefined, };
