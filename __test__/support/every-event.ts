/** One event of every kind, with every field that it may have. */
import type { RunnerEvent } from 'car-inference';

export const EVERY_EVENT: readonly RunnerEvent[] = [
  { type: 'text-delta', text: 'some text' },
  { type: 'reasoning-delta', index: 1, text: 'a thought' },
  { type: 'reasoning-delta', index: 1, text: 'signed', signature: 'sig' },
  { type: 'refusal-delta', text: 'no' },
  { type: 'tool-call-start', index: 3, name: 'search', id: 'c1' },
  { type: 'tool-call-delta', index: 3, argumentsDelta: '{"q":' },
  { type: 'tool-call-end', index: 3, arguments: '{"q":"x"}', signature: 'sig' },
  {
    type: 'usage',
    inputTokens: 1,
    outputTokens: 2,
    totalTokens: 3,
    cacheReadInputTokens: 4,
    cacheCreationInputTokens: 5,
    reasoningTokens: 6,
  },
  {
    type: 'source',
    id: 's1',
    url: 'https://a.b',
    title: 'A',
    mediaType: 'text/html',
    providerMetadata: { at: [1, 2] },
  },
  { type: 'file', mediaType: 'image/png', data: 'AAAA', url: 'https://a.b' },
  { type: 'provider-output-item', item: { kind: 'opaque', parts: [{ a: 1 }, 'x'] } },
  { type: 'provider-event', name: 'ping', data: { deep: [{ er: 1 }] } },
  { type: 'warning', message: 'careful', code: 'w1' },
  { type: 'error', message: 'oh', code: 'e1' },
  { type: 'custom', name: 'mine', data: { list: [{ n: 1 }], text: 'x' } },
  { type: 'stop-reason', reason: 'tool-calls', raw: 'tool_use' },
];
