/** Random events: as a runner offers them, and as they have to arrive. */
import type { StreamEvent } from 'car-inference';
import fc from 'fast-check';
import type { Offer } from './program';

/** An event larger than this ends the call. */
export const EVENT_BYTES_MAX = 1_000;
/** And one with so much text is larger. */
export const TOO_LONG = 'x'.repeat(EVENT_BYTES_MAX);

/** What an end may bring that the stream lacked. */
export const CALLS = [{ name: 'h', arguments: { a: [1] } }];

/** An event that arrives as it is. */
export function valid(event: StreamEvent): Offer {
  return { event, arrives: event };
}

const PARTS = [
  '',
  'a',
  'hello ',
  '\u0000',
  'ä',
  '😀',
  '\ud83d',
  '\ude00',
  'x\ud83d',
  '\ude00y',
  '\ufffd',
  '"',
] as const;
const part = fc.constantFrom(...PARTS);
const index = fc.constantFrom(0, 0, 1, 4_294_967_295);

/** Kinds that have an entry point of their own. */
const hot: fc.Arbitrary<Offer> = fc.oneof(
  { weight: 60, arbitrary: part.map((text) => valid({ type: 'text-delta', text })) },
  { weight: 20, arbitrary: fc.record({ index, text: part }).map((it) => valid({ type: 'reasoning-delta', ...it })) },
  {
    weight: 20,
    arbitrary: fc
      .record({ index, argumentsDelta: fc.constantFrom('{', '}', '', '"\ud83d', '\ude00"', '[1]') })
      .map((it) => valid({ type: 'tool-call-delta', ...it })),
  },
);

const usage = fc
  .record({ inputTokens: fc.nat(9), outputTokens: fc.nat(9) }, { requiredKeys: [] })
  .map((it) => valid({ type: 'usage', ...it }));

/** No part of an answer: another attempt may follow them. */
export const contentless: fc.Arbitrary<Offer> = fc.oneof(
  usage,
  fc.constantFrom<Offer>(
    valid({ type: 'text-delta', text: '' }),
    valid({ type: 'provider-event', data: 'raw' }),
    valid({ type: 'warning', message: 'careful' }),
    valid({ type: 'error', message: 'hm' }),
  ),
);

/** The rest, as JSON, and what is no event at all. */
const cold: fc.Arbitrary<Offer> = fc.oneof(
  {
    weight: 40,
    arbitrary: fc
      .record({ index, name: fc.constantFrom('f', 'f', 'f', 'g') })
      .map((it) => valid({ type: 'tool-call-start', ...it })),
  },
  { weight: 20, arbitrary: index.map((index) => valid({ type: 'tool-call-end', index })) },
  {
    weight: 10,
    arbitrary: index.map((index) => valid({ type: 'tool-call-end', index, arguments: '{"whole":true}' })),
  },
  { weight: 30, arbitrary: usage },
  {
    weight: 20,
    arbitrary: fc.jsonValue({ maxDepth: 2 }).map((data) => {
      const read = JSON.parse(JSON.stringify(data)) as never;
      return {
        event: { type: 'custom', name: 'x', data },
        arrives: { type: 'custom', name: 'x', data: read },
      } as Offer;
    }),
  },
  {
    weight: 40,
    arbitrary: fc.constantFrom<Offer>(
      valid({ type: 'refusal-delta', text: 'no' }),
      valid({ type: 'stop-reason', reason: 'stop', raw: 'end_turn' }),
      valid({ type: 'source', url: 'https://example.org' }),
      valid({ type: 'file', mediaType: 'image/png', data: '' }),
      valid({ type: 'provider-output-item', item: { a: [1, 'b', null] } }),
      valid({ type: 'provider-event', data: 'raw' }),
      valid({ type: 'warning', message: 'careful' }),
      valid({ type: 'error', message: 'hm' }),
      // What is not the event itself: something to fill in, to drop, or to replace.
      {
        event: { type: 'reasoning-delta', text: 'hm', signature: 's' },
        arrives: { type: 'reasoning-delta', index: 0, text: 'hm', signature: 's' },
      },
      { event: { type: 'reasoning-delta', text: 'hm' }, arrives: { type: 'reasoning-delta', index: 0, text: 'hm' } },
      { event: { type: 'usage', outputTokens: 3, extra: 1 }, arrives: { type: 'usage', outputTokens: 3 } },
      {
        event: { type: 'custom', name: 'half', data: '\ud83d' },
        arrives: { type: 'custom', name: 'half', data: '\ufffd' },
      },
    ),
  },
  {
    weight: 10,
    arbitrary: fc.constantFrom<Offer>(
      valid({ type: 'done', text: '', toolCalls: [] }),
      valid({ type: 'done', text: 'whole', toolCalls: [] }),
      valid({ type: 'done', text: '', toolCalls: CALLS }),
    ),
  },
  {
    weight: 10,
    arbitrary: fc
      .constantFrom<unknown>(
        undefined,
        null,
        5,
        [],
        {},
        { type: 'nope' },
        { type: 'text-delta', text: 5n },
        { type: 'text-delta' },
        { type: 'custom', name: 'x', data: { n: 5n } },
        { type: 'usage', inputTokens: -1 },
        { type: 'usage', inputTokens: Number.NaN },
        { type: 'tool-call-delta', index: 0.5, argumentsDelta: '' },
      )
      .map((event) => ({ event, arrives: null })),
  },
  { weight: 3, arbitrary: fc.constant<Offer>(valid({ type: 'text-delta', text: TOO_LONG })) },
);

export const offer: fc.Arbitrary<Offer> = fc.oneof({ weight: 30, arbitrary: hot }, { weight: 20, arbitrary: cold });
