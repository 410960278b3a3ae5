/** The Responses API. Output indexes start anew with each response of a recording, so they are counted on. */
import type { RunnerEvent } from 'car-inference';
import { ProviderError, present, type ServerSentEvent } from './sse';

const TOOLS = new Set(['function_call', 'custom_tool_call']);

export function* openaiResponses(events: Iterable<ServerSentEvent>): Generator<RunnerEvent> {
  const open = new Set<number>();
  let calledTool = false;
  let base = 0;
  let next = 0;
  for (const { name, data } of events) {
    if (data.type === 'response.created') base = next;
    const index = base + (data.output_index ?? 0);
    if (data.output_index !== undefined) next = Math.max(next, index + 1);
    switch (data.type) {
      case 'response.output_text.delta':
        yield { type: 'text-delta', text: data.delta };
        break;
      case 'response.refusal.delta':
        yield { type: 'refusal-delta', text: data.delta };
        break;
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta':
        yield { type: 'reasoning-delta', index, text: data.delta };
        break;
      case 'response.output_item.added':
        if (TOOLS.has(data.item.type)) {
          open.add(index);
          calledTool = true;
          yield { type: 'tool-call-start', index, id: data.item.call_id, name: data.item.name };
        }
        break;
      case 'response.function_call_arguments.delta':
        if (open.has(index)) yield { type: 'tool-call-delta', index, argumentsDelta: data.delta };
        break;
      case 'response.custom_tool_call_input.delta':
        yield { type: 'provider-event', name: data.type, data };
        break;
      case 'response.output_item.done': {
        const { item } = data;
        if (open.has(index)) {
          // A custom tool's input is free text; as arguments it is a JSON string.
          yield { type: 'tool-call-end', index, arguments: item.arguments ?? JSON.stringify(item.input) };
        } else if (item.type === 'image_generation_call' && item.result) {
          yield { type: 'file', mediaType: 'image/png', data: item.result };
        }
        if (item.type !== 'message') yield { type: 'provider-output-item', item };
        break;
      }
      case 'response.output_text.annotation.added':
        yield present({
          type: 'source',
          url: data.annotation.url,
          title: data.annotation.title,
          providerMetadata: data.annotation,
        });
        break;
      case 'response.completed':
      case 'response.incomplete': {
        const { usage, incomplete_details } = data.response;
        if (usage) {
          yield present({
            type: 'usage',
            inputTokens: usage.input_tokens,
            outputTokens: usage.output_tokens,
            totalTokens: usage.total_tokens,
            cacheReadInputTokens: usage.input_tokens_details?.cached_tokens,
            reasoningTokens: usage.output_tokens_details?.reasoning_tokens,
          });
        }
        yield incomplete_details
          ? { type: 'stop-reason', reason: 'length', raw: incomplete_details.reason }
          : { type: 'stop-reason', reason: calledTool ? 'tool-calls' : 'stop' };
        break;
      }
      case 'response.failed':
        throw new ProviderError(data.response.error);
      case 'error':
        yield present({
          type: 'error',
          message: data.error?.message ?? data.message,
          code: data.error?.code ?? data.code,
        });
        break;
      default:
        yield present({ type: 'provider-event', name, data });
    }
  }
}
