/** The Messages API. Block indexes start anew with each message of a recording, so they are counted on. */
import type { RunnerEvent, StopReason } from 'car-inference';
import { ProviderError, present, type ServerSentEvent } from './sse';

const REASONS: Record<string, StopReason> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  tool_use: 'tool-calls',
  refusal: 'content-filter',
};

export function* anthropicMessages(events: Iterable<ServerSentEvent>): Generator<RunnerEvent> {
  let base = 0;
  let next = 0;
  const tools = new Set<number>();
  for (const { data } of events) {
    const index = base + (data.index ?? 0);
    next = Math.max(next, index + 1);
    switch (data.type) {
      case 'message_start':
        base = next;
        yield usage(data.message.usage);
        break;
      case 'content_block_start': {
        const block = data.content_block;
        if (block.type === 'tool_use') {
          tools.add(index);
          yield { type: 'tool-call-start', index, id: block.id, name: block.name };
          // Some tools are called with their whole input at once.
          if (Object.keys(block.input ?? {}).length > 0) {
            yield { type: 'tool-call-delta', index, argumentsDelta: JSON.stringify(block.input) };
          }
        } else if (!['text', 'thinking'].includes(block.type)) {
          yield { type: 'provider-output-item', item: block };
        } else if (block.text) {
          yield { type: 'text-delta', text: block.text };
        }
        break;
      }
      case 'content_block_delta': {
        const { delta } = data;
        if (delta.type === 'text_delta') yield { type: 'text-delta', text: delta.text };
        else if (delta.type === 'thinking_delta') yield { type: 'reasoning-delta', index, text: delta.thinking };
        else if (delta.type === 'signature_delta') {
          yield { type: 'reasoning-delta', index, text: '', signature: delta.signature };
        } else if (delta.type === 'citations_delta') {
          yield present({
            type: 'source',
            url: delta.citation.url,
            title: delta.citation.title,
            providerMetadata: delta.citation,
          });
        } else if (delta.type === 'input_json_delta' && tools.has(index)) {
          yield { type: 'tool-call-delta', index, argumentsDelta: delta.partial_json };
        } else yield { type: 'provider-event', name: delta.type, data: delta };
        break;
      }
      case 'content_block_stop':
        if (tools.has(index)) yield { type: 'tool-call-end', index };
        break;
      case 'message_delta':
        if (data.delta.stop_reason) {
          yield {
            type: 'stop-reason',
            reason: REASONS[data.delta.stop_reason] ?? 'other',
            raw: data.delta.stop_reason,
          };
        }
        if (data.usage) yield usage(data.usage);
        break;
      case 'error':
        throw new ProviderError(data.error);
    }
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the provider's own shape
function usage(reported: any): RunnerEvent {
  return present({
    type: 'usage',
    inputTokens: reported.input_tokens,
    outputTokens: reported.output_tokens,
    cacheReadInputTokens: reported.cache_read_input_tokens,
    cacheCreationInputTokens: reported.cache_creation_input_tokens,
  });
}
