/** Random programs of a runner and its consumer, as plain data: they print, shrink and cross threads. */
import type { RunnerResult, StreamEvent } from 'car-inference';
import fc from 'fast-check';

/** What lies between one step and the next. */
export type Pause = 'nothing' | 'a microtask' | 'a turn';

/** An event as it is offered, and as it has to arrive: null when it is none. */
export interface Offer {
  readonly event: unknown;
  readonly arrives: StreamEvent | null;
}

export type Thrown = 'an error' | 'a refusal' | 'a bad request' | 'undefined' | 'a string';

export type RunnerStep =
  /** Emitted without waiting for the answer. */
  | { readonly do: 'emit'; readonly offer: Offer; readonly pause: Pause }
  /** Yielded by a generator; an emitter runner emits it and awaits the answer. */
  | { readonly do: 'send'; readonly offer: Offer; readonly pause: Pause }
  | { readonly do: 'return'; readonly result: unknown; readonly isResult: boolean }
  | { readonly do: 'throw'; readonly what: Thrown }
  | { readonly do: 'hang'; readonly onAbort: 'return' | 'throw' | 'go on'; readonly emits?: Offer };

export interface RunnerProgram {
  readonly way: 'emitter' | 'generator' | 'iterator';
  /** One script for each attempt; the last one also for all later ones. */
  readonly attempts: ReadonlyArray<readonly RunnerStep[]>;
  /** Offered in its `finally`. */
  readonly atLast: readonly Offer[];
  /** Emitted once it has settled, so much later. */
  readonly late: ReadonlyArray<{ readonly offer: Offer; readonly after: Exclude<Pause, 'nothing'> }>;
}

export type ConsumerStep = {
  readonly do:
    | 'pull'
    | 'pull three'
    | 'pull and wait'
    | 'read its facts'
    | 'ask for the result'
    | 'cancel'
    | 'abort'
    | 'return'
    | 'throw'
    | 'dispose'
    | 'detach'
    | 'collect garbage'
    | 'drain the engine'
    | 'close the engine'
    | 'replace the runner'
    | 'clear the runner';
  readonly pause: Pause;
};

export type ConsumerEnd =
  | 'pull to the end'
  | 'loop'
  | 'break'
  | 'throw in the loop'
  | 'text stream'
  | 'part of the text stream'
  | 'readable'
  | 'part of the readable'
  | 'ask for the result'
  | 'leave'
  | 'cancel'
  | 'drop it';

export interface Program {
  readonly runner: RunnerProgram;
  readonly consumer: readonly ConsumerStep[];
  readonly end: ConsumerEnd;
  readonly bufferedEventsMax: number;
  /** Undefined: as many as the engine allows. */
  readonly unawaitedEventsMax: number | undefined;
  readonly attemptsMax: number;
  /** Whether its signal is aborted before anything else. */
  readonly abortedBefore: boolean;
}

/** An event larger than this ends the call. */
export const EVENT_BYTES_MAX = 1_000;
/** And one with so much text is larger. */
export const TOO_LONG = 'x'.repeat(EVENT_BYTES_MAX);

function valid(event: StreamEvent): Offer {
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
  {
    weight: 30,
    arbitrary: fc
      .record({ inputTokens: fc.nat(9), outputTokens: fc.nat(9) }, { requiredKeys: [] })
      .map((it) => valid({ type: 'usage', ...it })),
  },
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
  { weight: 10, arbitrary: fc.constantFrom('', 'whole').map((text) => valid({ type: 'done', text, toolCalls: [] })) },
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

const offer: fc.Arbitrary<Offer> = fc.oneof({ weight: 30, arbitrary: hot }, { weight: 20, arbitrary: cold });
const pause = fc.constantFrom<Pause>('nothing', 'nothing', 'nothing', 'a microtask', 'a turn');

const result: fc.Arbitrary<{ result: unknown; isResult: boolean }> = fc.oneof(
  fc.constant({ result: undefined, isResult: true }),
  fc.constant({ result: undefined, isResult: true }),
  fc
    .constantFrom<RunnerResult>({}, { text: 'whole' }, { text: 'whole', toolCalls: [] })
    .map((result) => ({ result, isResult: true })),
  fc.constantFrom<unknown>(5, { text: 5 }, { text: '', toolCalls: 5n }).map((result) => ({ result, isResult: false })),
);

const runnerStep: fc.Arbitrary<RunnerStep> = fc.oneof(
  { weight: 140, arbitrary: fc.record({ do: fc.constant('send' as const), offer, pause }) },
  { weight: 100, arbitrary: fc.record({ do: fc.constant('emit' as const), offer, pause }) },
  { weight: 10, arbitrary: result.map((it) => ({ do: 'return' as const, ...it })) },
  {
    weight: 10,
    arbitrary: fc
      .constantFrom<Thrown>('an error', 'an error', 'a refusal', 'a bad request', 'undefined', 'a string')
      .map((what) => ({ do: 'throw' as const, what })),
  },
  {
    weight: 10,
    arbitrary: fc.record(
      {
        do: fc.constant('hang' as const),
        onAbort: fc.constantFrom('return', 'return', 'throw', 'go on'),
        emits: offer,
      },
      { requiredKeys: ['do', 'onAbort'] },
    ),
  },
) as fc.Arbitrary<RunnerStep>;

const runner: fc.Arbitrary<RunnerProgram> = fc.record({
  way: fc.constantFrom('emitter', 'emitter', 'generator', 'generator', 'iterator'),
  attempts: fc.array(fc.array(runnerStep, { maxLength: 14 }), { minLength: 1, maxLength: 2 }),
  atLast: fc.array(offer, { maxLength: 1 }),
  late: fc.array(fc.record({ offer, after: fc.constantFrom('a microtask', 'a turn') }), { maxLength: 1 }),
}) as fc.Arbitrary<RunnerProgram>;

const consumerStep: fc.Arbitrary<ConsumerStep> = fc.record({
  do: fc.oneof(
    { weight: 400, arbitrary: fc.constantFrom('pull', 'pull and wait', 'pull three') },
    { weight: 40, arbitrary: fc.constantFrom('read its facts', 'ask for the result') },
    { weight: 40, arbitrary: fc.constantFrom('cancel', 'abort', 'return', 'throw', 'dispose', 'detach') },
    { weight: 5, arbitrary: fc.constantFrom('replace the runner', 'clear the runner') },
    { weight: 4, arbitrary: fc.constantFrom('collect garbage') },
    { weight: 4, arbitrary: fc.constantFrom('drain the engine', 'close the engine') },
  ),
  pause,
}) as fc.Arbitrary<ConsumerStep>;

const end: fc.Arbitrary<ConsumerEnd> = fc.oneof(
  { weight: 80, arbitrary: fc.constantFrom<ConsumerEnd>('pull to the end', 'loop') },
  {
    weight: 60,
    arbitrary: fc.constantFrom<ConsumerEnd>(
      'break',
      'throw in the loop',
      'text stream',
      'part of the text stream',
      'readable',
      'part of the readable',
      'ask for the result',
      'leave',
      'cancel',
    ),
  },
  { weight: 4, arbitrary: fc.constant<ConsumerEnd>('drop it') },
);

export const program: fc.Arbitrary<Program> = fc.record({
  runner,
  consumer: fc.array(consumerStep, { maxLength: 10 }),
  end,
  bufferedEventsMax: fc.integer({ min: 1, max: 4 }),
  unawaitedEventsMax: fc.constantFrom(undefined, undefined, undefined, 1, 3),
  attemptsMax: fc.constantFrom(1, 1, 2, 3),
  abortedBefore: fc.constantFrom(false, false, false, false, false, false, false, false, false, true),
});
