import type { JsonValue, StreamEvent, ToolCall } from '../../index';
import { type Equal, expectType } from './equal';

declare const event: StreamEvent;

// The vocabulary is a discriminated union: `type` narrows.
if (event.type === 'text-delta') {
  expectType<Equal<typeof event.text, string>>();
  // @ts-expect-error a text delta has no index
  event.index;
}
if (event.type === 'tool-call-start') {
  expectType<Equal<typeof event.index, number>>();
  expectType<Equal<typeof event.name, string>>();
}
if (event.type === 'tool-call-delta') expectType<Equal<typeof event.argumentsDelta, string>>();
if (event.type === 'reasoning-delta') expectType<Equal<typeof event.index, number>>();
if (event.type === 'usage') expectType<Equal<typeof event.inputTokens, number | undefined>>();
if (event.type === 'done') {
  expectType<Equal<typeof event.toolCalls, ToolCall[]>>();
  expectType<Equal<ToolCall['name'], string>>();
}
if (event.type === 'custom') expectType<Equal<typeof event.data, JsonValue>>();

// @ts-expect-error no such event
if (event.type === 'text') event;

// Every event of the vocabulary is known here: a new one must be added knowingly.
expectType<
  Equal<
    StreamEvent['type'],
    | 'text-delta'
    | 'reasoning-delta'
    | 'refusal-delta'
    | 'tool-call-start'
    | 'tool-call-delta'
    | 'tool-call-end'
    | 'usage'
    | 'stop-reason'
    | 'source'
    | 'file'
    | 'provider-output-item'
    | 'provider-event'
    | 'warning'
    | 'error'
    | 'custom'
    | 'done'
  >
>();
