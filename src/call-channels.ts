/**
 * What each call tells `node:diagnostics_channel`: that it starts, its first event, its ending. One object a call, which
 * grows, so that a subscriber can keep things by it in a `WeakMap`. Holds no prompt and no answer. Costs three questions a
 * call while nobody has subscribed; a call that began before the first subscriber came stays silent.
 */

import { channel } from 'node:diagnostics_channel';
import type { CallStatus, Ending, GenerateRequest, ModelSchema, StreamEvent, TokenUsage } from '../native/types';
import { AsyncScope } from './async-scope';
import { CallFailure } from './call-failure';
import type { CallInput } from './call-input';
import type { Outcome } from './call-result';
import { epochMs, monotonicMs } from './clock';
import { CancelledError, InferenceError } from './errors';
import { decodeJson } from './json';
import { native } from './native';

/** Attributes under the names of OpenTelemetry's conventions for generative AI, as a span takes them. */
export interface CallAttributes {
  'gen_ai.operation.name': 'chat';
  'gen_ai.provider.name'?: string;
  'gen_ai.request.model'?: string;
  'gen_ai.request.max_tokens'?: number;
  'gen_ai.request.temperature'?: number;
  'gen_ai.request.top_p'?: number;
  'gen_ai.request.top_k'?: number;
  'gen_ai.request.seed'?: number;
  'gen_ai.request.stop_sequences'?: string[];
  'gen_ai.request.frequency_penalty'?: number;
  'gen_ai.request.presence_penalty'?: number;
  'gen_ai.response.model'?: string;
  'gen_ai.response.finish_reasons'?: string[];
  'gen_ai.usage.input_tokens'?: number;
  'gen_ai.usage.output_tokens'?: number;
  'gen_ai.usage.cache_read.input_tokens'?: number;
  'gen_ai.usage.cache_creation.input_tokens'?: number;
  /** The error's `code`, or the name of what a signal was aborted with. */
  'error.type'?: string;
}

/** `car-inference:call:start`: a call has got its id, or was refused one. */
export interface CallStartMessage {
  /** Absent when the request was refused before it got one. */
  readonly traceId?: string;
  /** The model asked for. */
  readonly model?: string;
  /** The model's hint: which runners are asked. */
  readonly hint?: string;
  /** The consumer's own reference from the request. */
  readonly clientRef?: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly attributes: CallAttributes;
}

/** `car-inference:call:first-event`: something came from the runner. */
export interface CallFirstEventMessage extends CallStartMessage {
  readonly firstEventType: StreamEvent['type'];
  /** Milliseconds from the start. */
  readonly firstEventMs: number;
}

/** `car-inference:call:end`: the call is over. Comes once for each start. */
export interface CallEndMessage extends CallStartMessage {
  readonly status: Exclude<CallStatus, 'open'>;
  /** Milliseconds from the start. */
  readonly durationMs: number;
  /** Absent when nothing came. */
  readonly firstEventType?: StreamEvent['type'];
  readonly firstEventMs?: number;
  /** The model that answered in the end; absent when the request was refused. */
  readonly modelUsed?: string;
  readonly usage?: TokenUsage;
  /** What the consumer catches, the very object. */
  readonly error?: unknown;
}

/** The channels, and what is published on each. */
export interface CallChannels {
  'car-inference:call:start': CallStartMessage;
  'car-inference:call:first-event': CallFirstEventMessage;
  'car-inference:call:end': CallEndMessage;
}

type Message = { -readonly [Key in keyof CallEndMessage]?: CallEndMessage[Key] } & { attributes: CallAttributes };

const started = channel('car-inference:call:start' satisfies keyof CallChannels);
const cameFirst = channel('car-inference:call:first-event' satisfies keyof CallChannels);
const ended = channel('car-inference:call:end' satisfies keyof CallChannels);

/** The channels of one call, for as long as it takes; undefined when nobody listens. */
export function watchCall(input: CallInput, scope: AsyncScope): WatchedCall | undefined {
  if (!started.hasSubscribers && !cameFirst.hasSubscribers && !ended.hasSubscribers) return undefined;
  return new WatchedCall(input, scope);
}

export class WatchedCall {
  readonly #message: Message = { startedAt: epochMs(), attributes: { 'gen_ai.operation.name': 'chat' } };
  readonly #begunAt = monotonicMs();
  /** Subscribers run where the runner does, whoever wakes the call. */
  #scope: AsyncScope;
  #isStarted = false;
  #firstEventType: StreamEvent['type'] | undefined;

  constructor(input: CallInput, scope: AsyncScope) {
    this.#scope = scope;
    if (input.requestJson !== '') this.#describe(decodeJson<Partial<GenerateRequest> | null>(input.requestJson));
  }

  /**
   * @returns the scope of the call: what a subscriber has bound to the channel (`bindStore`) is there too, so that a tracer's
   *   span is the active one in the runner.
   */
  start(traceId: string, schema: ModelSchema | undefined): AsyncScope {
    const message = this.#message;
    message.traceId = traceId;
    if (schema !== undefined) {
      message.model = schema.id;
      message.attributes['gen_ai.request.model'] = schema.id;
      const { hint } = schema.source;
      if (hint !== undefined) message.hint = hint;
      const provider = schema.provider ?? hint;
      if (provider !== undefined) message.attributes['gen_ai.provider.name'] = provider;
    }
    this.#publishStart();
    return this.#scope;
  }

  /** Of every event; only the first one matters. */
  event(type: StreamEvent['type']): void {
    if (this.#firstEventType !== undefined) return;
    this.#firstEventType = type;
    harmlessly(() => {
      this.#message.firstEventType = type;
      this.#message.firstEventMs = monotonicMs() - this.#begunAt;
    });
    if (cameFirst.hasSubscribers) this.#scope.runInAsyncScope(cameFirst.publish, cameFirst, this.#message);
  }

  sealed(ending: Ending): void {
    harmlessly(() => this.#describeEnding(ending));
  }

  #describeEnding({ status, completion: { modelUsed, usage, stopReason, rawStopReason } }: Ending): void {
    const message = this.#message;
    const { attributes } = message;
    if (status !== 'open') message.status = status;
    if (modelUsed !== '') {
      message.modelUsed = modelUsed;
      attributes['gen_ai.response.model'] = modelUsed;
    }
    const reason = rawStopReason ?? stopReason;
    if (typeof reason === 'string') attributes['gen_ai.response.finish_reasons'] = [reason];
    if (usage === undefined || usage === null) return;
    message.usage = usage;
    setNumber(attributes, 'gen_ai.usage.input_tokens', usage.inputTokens);
    setNumber(attributes, 'gen_ai.usage.output_tokens', usage.outputTokens);
    setNumber(attributes, 'gen_ai.usage.cache_read.input_tokens', usage.cacheReadInputTokens);
    setNumber(attributes, 'gen_ai.usage.cache_creation.input_tokens', usage.cacheCreationInputTokens);
  }

  end(outcome: Outcome): void {
    if (!this.#isStarted) this.#publishStart(); // Refused: it got no id.
    if (!(outcome instanceof CallFailure)) this.event('done'); // A runner that only returned its result streamed nothing before.
    harmlessly(() => this.#describeOutcome(outcome));
    if (ended.hasSubscribers) this.#scope.runInAsyncScope(ended.publish, ended, this.#message);
  }

  #describeOutcome(outcome: Outcome): void {
    const message = this.#message;
    message.durationMs = monotonicMs() - this.#begunAt;
    if (outcome instanceof CallFailure) {
      const { error } = outcome;
      message.error = error;
      message.status ??= error instanceof CancelledError || !(error instanceof InferenceError) ? 'cancelled' : 'failed';
      message.attributes['error.type'] = typeOf(error);
    } else {
      message.status ??= 'done';
    }
  }

  #publishStart(): void {
    this.#isStarted = true;
    if (!started.hasSubscribers) return;
    const open = () => started.runStores(this.#message, () => new AsyncScope(this.#scope.owner));
    this.#scope = this.#scope.runInAsyncScope(open) as AsyncScope;
  }

  /** What a request that nobody has validated yet says of itself. */
  #describe(request: Partial<GenerateRequest> | null): void {
    if (typeof request !== 'object' || request === null) return;
    const { attributes } = this.#message;
    const { model, clientRef, params } = request;
    if (typeof clientRef === 'string') this.#message.clientRef = clientRef;
    if (typeof model === 'string') {
      this.#message.model = model;
      attributes['gen_ai.request.model'] = model;
    }
    if (typeof params !== 'object' || params === null) return;
    setNumber(attributes, 'gen_ai.request.max_tokens', params.maxTokens);
    setNumber(attributes, 'gen_ai.request.temperature', params.temperature);
    setNumber(attributes, 'gen_ai.request.top_p', params.topP);
    setNumber(attributes, 'gen_ai.request.top_k', params.topK);
    setNumber(attributes, 'gen_ai.request.seed', params.seed);
    setNumber(attributes, 'gen_ai.request.frequency_penalty', params.frequencyPenalty);
    setNumber(attributes, 'gen_ai.request.presence_penalty', params.presencePenalty);
    if (Array.isArray(params.stop)) attributes['gen_ai.request.stop_sequences'] = params.stop;
  }
}

/** The message is the subscribers' too: one that they froze stays as it is, and the call goes on. */
function harmlessly(describe: () => void): void {
  try {
    describe();
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}

/** The schema of a model of an engine. */
export function schemaOf(engine: number, model: string): ModelSchema | undefined {
  return decodeJson<ModelSchema[]>(native.models(engine)).find(({ id }) => id === model);
}

type NumberKey = {
  [Key in keyof CallAttributes]-?: CallAttributes[Key] extends number | undefined ? Key : never;
}[keyof CallAttributes];

function setNumber(attributes: CallAttributes, key: NumberKey, value: unknown): void {
  if (typeof value === 'number') attributes[key] = value;
}

function typeOf(error: unknown): string {
  if (error instanceof InferenceError) return error.code;
  return error instanceof Error ? error.name : typeof error;
}
