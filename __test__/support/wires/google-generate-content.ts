/** Gemini. A call's arguments come whole, or as paths with pieces of text, which are put together at its end. */
import type { RunnerEvent, StopReason } from 'car-inference';
import { ProviderError, present, type ServerSentEvent } from './sse';

const REASONS: Record<string, StopReason> = { STOP: 'stop', MAX_TOKENS: 'length', SAFETY: 'content-filter' };

type Tree = { [key: string]: Tree | string };

export function* googleGenerateContent(events: Iterable<ServerSentEvent>): Generator<RunnerEvent> {
  let index = -1;
  let partial: Tree | undefined;
  for (const { data } of events) {
    if (data.error) throw new ProviderError(data.error);
    const candidate = data.candidates?.[0];
    for (const { text, thought, thoughtSignature, functionCall, inlineData } of candidate?.content?.parts ?? []) {
      if (functionCall !== undefined) {
        if (functionCall.name !== undefined) {
          index += 1;
          partial = {};
          yield present({ type: 'tool-call-start', index, id: functionCall.id, name: functionCall.name });
        }
        for (const { jsonPath, stringValue } of functionCall.partialArgs ?? [])
          append(partial ?? {}, jsonPath, stringValue);
        if (functionCall.args !== undefined) {
          yield { type: 'tool-call-delta', index, argumentsDelta: JSON.stringify(functionCall.args) };
        }
        if (thoughtSignature) yield { type: 'provider-event', name: 'thoughtSignature', data: thoughtSignature };
        if (functionCall.willContinue) continue;
        if (functionCall.args === undefined) {
          yield { type: 'tool-call-delta', index, argumentsDelta: JSON.stringify(partial ?? {}) };
        }
        yield { type: 'tool-call-end', index };
      } else if (inlineData !== undefined) {
        yield { type: 'file', mediaType: inlineData.mimeType, data: inlineData.data };
      } else if (thought === true) {
        yield present({ type: 'reasoning-delta', text: text ?? '', signature: thoughtSignature });
      } else {
        if (text) yield { type: 'text-delta', text };
        if (thoughtSignature) yield { type: 'reasoning-delta', text: '', signature: thoughtSignature };
      }
    }
    const reason = candidate?.finishReason;
    if (reason) yield { type: 'stop-reason', reason: REASONS[reason] ?? 'other', raw: reason };
    const { usageMetadata } = data;
    if (usageMetadata?.totalTokenCount !== undefined) {
      yield present({
        type: 'usage',
        inputTokens: usageMetadata.promptTokenCount,
        outputTokens: usageMetadata.candidatesTokenCount,
        totalTokens: usageMetadata.totalTokenCount,
        reasoningTokens: usageMetadata.thoughtsTokenCount,
      });
    }
  }
}

/** Appends text at a path such as `$.a.b[0].c`; array positions are kept as keys. */
function append(tree: Tree, path: string, text: string): void {
  const keys = path
    .replace(/^\$\.?/, '')
    .split(/[.[\]]+/)
    .filter((key) => key !== '');
  const last = keys.pop() ?? '';
  let at = tree;
  for (const key of keys) {
    at[key] ??= {};
    at = at[key] as Tree;
  }
  at[last] = `${at[last] ?? ''}${text}`;
}
