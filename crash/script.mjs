// What a call does, told by seed and number alone: so the process that is killed and the one that looks afterwards agree on what
// had to come. Knows no log.
import { createHash } from 'node:crypto';
import { Random } from '../soak/random.mjs';

/**
 * @typedef {object} Script
 * @property {'answers' | 'returns' | 'tools' | 'fails' | 'retries' | 'is-cancelled' | 'hangs'} kind
 * @property {'pulled' | 'pushed'} way a generator, or an emitter that awaits
 * @property {number} count deltas
 * @property {number} size characters of each delta
 * @property {'never' | 'open' | 'ended'} erased when its payload is erased: after its first event, or once it has ended
 * @property {number} turnEvery the event loop turns before each so many deltas; 0 never
 */

const KINDS = ['answers', 'answers', 'answers', 'returns', 'tools', 'fails', 'retries', 'is-cancelled', 'hangs'];
const FILLING = 'abc äöü ß – „“ 😀 漢字 \\ " \n \u0000 \u2028 ';

/** The reference by which a host finds its call again. */
export function referenceOf(seed, number) {
  return `${seed}:${number}`;
}

/** @returns {Script} */
export function scriptOf(seed, number, size) {
  const random = new Random(Math.imul(seed, 0x9e37_79b1) ^ number);
  // A batch of the log is 64 events, or 64 KiB.
  const shape = random.of(
    size === 'large'
      ? [
          { count: random.integer(1, 12), size: random.integer(5_000, 40_000) },
          { count: random.integer(60, 400), size: random.integer(1, 60) },
        ]
      : [
          { count: random.integer(1, 6), size: random.integer(1, 300) },
          { count: random.integer(1, 6), size: random.integer(1, 300) },
          { count: random.integer(1, 6), size: random.integer(1, 300) },
          { count: random.integer(50, 200), size: random.integer(1, 30) },
        ],
  );
  return {
    ...shape,
    kind: random.of(KINDS),
    way: random.of(['pulled', 'pushed']),
    turnEvery: random.of([0, 1, 1, 7, 40]),
    erased: random.next() < 0.15 ? random.of(['open', 'ended']) : 'never',
  };
}

function delta(number, attempt, index, size) {
  const from = (number + index) % FILLING.length;
  // From the whole characters: half a surrogate pair would be carried over to the next delta.
  return `${number}.${attempt}.${index} `.padEnd(size, FILLING.slice(from).toWellFormed()).toWellFormed();
}

const TOOLS = [
  { type: 'reasoning-delta', index: 0, text: 'because ' },
  { type: 'reasoning-delta', index: 0, text: 'só', signature: 'c2ln' },
  { type: 'tool-call-start', index: 0, name: 'weather', id: 'call-1' },
  { type: 'tool-call-delta', index: 0, argumentsDelta: '{"city":' },
  { type: 'tool-call-delta', index: 0, argumentsDelta: '"Köln 😀"}' },
  { type: 'tool-call-end', index: 0 },
  { type: 'custom', name: 'note', data: { deep: [1, null, 'two'] } },
  { type: 'usage', inputTokens: 3, outputTokens: 5 },
  { type: 'stop-reason', reason: 'tool-calls' },
];

/** What the runner emits in an attempt, in order. */
export function eventsOf(script, number, attempt) {
  if (script.kind === 'returns' || failsFirst(script, attempt)) return [];
  const deltas = Array.from({ length: script.count }, (_, index) => ({
    type: 'text-delta',
    text: delta(number, attempt, index, script.size),
  }));
  return script.kind === 'tools' ? [...deltas, ...TOOLS] : deltas;
}

/** Whether this attempt fails before it has said anything, and another comes. */
export function failsFirst(script, attempt) {
  return script.kind === 'retries' && attempt === 1;
}

/** What a runner that streams nothing returns. */
export function returnedText(script, number) {
  return delta(number, 1, 0, script.size);
}

/** A few characters that stand for a value, whatever the order of its keys. */
export function digest(value) {
  const sorted = (_key, inner) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : 1)))
      : inner;
  return createHash('sha256').update(JSON.stringify(value, sorted)).digest('base64url').slice(0, 16);
}
