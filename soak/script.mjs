// What a runner is to do, told in the prompt; and so what its consumer must get. Shared by both sides of a call.

/**
 * @typedef {object} Script
 * @property {'pulled' | 'pushed'} way a generator, or an emitter that awaits
 * @property {number} count deltas
 * @property {number} [size] characters in each delta
 * @property {number} [everyMs] pause before each delta but the first
 * @property {'return' | 'throw' | 'hang' | 'decline' | 'nonsense' | 'tools'} end what comes after the deltas
 * @property {number} [failures] how many attempts fail before the one that does the above
 */

/** The delta of this number. */
export function delta(script, index) {
  return `${index} `.padEnd(script.size ?? 0, 'abcdefghijklmnopqrstuvwxyz-äöü-😀-');
}

/** The text of the first `count` deltas. */
export function textOf(script, count = script.count) {
  let text = '';
  for (let index = 0; index < count; index += 1) text += delta(script, index);
  return text;
}

/** The end `tools`: what follows the deltas, one of each kind that is no plain text. */
export const toolEvents = [
  { type: 'reasoning-delta', index: 0, text: 'because ' },
  { type: 'reasoning-delta', index: 0, text: 'so', signature: 'c2ln' },
  { type: 'tool-call-start', index: 0, name: 'weather', id: 'call-1' },
  { type: 'tool-call-delta', index: 0, argumentsDelta: '{"city":' },
  { type: 'tool-call-delta', index: 0, argumentsDelta: '"Graz"}' },
  { type: 'tool-call-end', index: 0 },
  { type: 'custom', name: 'note', data: { deep: [1, null, 'two'] } },
  { type: 'usage', inputTokens: 3, outputTokens: 5 },
  { type: 'stop-reason', reason: 'tool-calls' },
];
