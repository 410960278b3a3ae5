/** Chat Completions and its compatibles. */
import type { RunnerEvent, StopReason } from 'car-inference';
import { ProviderError, present, type ServerSentEvent } from './sse';

const REASONS: Record<string, StopReason> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool-calls',
  content_filter: 'content-filter',
};

export function* openaiChat(events: Iterable<ServerSentEvent>): Generator<RunnerEvent> {
  const started = new Set<number>();
  for (const { data } of events) {
    if (data.error) throw new ProviderError(data.error);
    const choice = data.choices?.[0];
    const { content, reasoning_content, reasoning, refusal, tool_calls } = choice?.delta ?? {};
    const thought = reasoning_content ?? reasoning;
    if (typeof thought === 'string' && thought !== '') yield { type: 'reasoning-delta', text: thought };
    if (typeof content === 'string' && content !== '') yield { type: 'text-delta', text: content };
    if (typeof refusal === 'string') yield { type: 'refusal-delta', text: refusal };
    for (const [position, call] of (tool_calls ?? []).entries()) {
      const index = call.index ?? position;
      if (!started.has(index)) {
        started.add(index);
        yield present({ type: 'tool-call-start', index, id: call.id, name: call.function.name });
      }
      if (call.function.arguments) {
        yield { type: 'tool-call-delta', index, argumentsDelta: call.function.arguments };
      }
    }
    const reason = choice?.finish_reason;
    if (reason) yield { type: 'stop-reason', reason: REASONS[reason] ?? 'other', raw: reason };
    const { usage } = data;
    if (usage) {
      yield present({
        type: 'usage',
        inputTokens: usage.prompt_tokens,
        outputTokens: usage.completion_tokens,
        totalTokens: usage.total_tokens,
        cacheReadInputTokens: usage.prompt_tokens_details?.cached_tokens,
        reasoningTokens: usage.completion_tokens_details?.reasoning_tokens,
      });
    }
    for (const url of data.citations ?? []) if (choice?.finish_reason) yield { type: 'source', url };
  }
}
