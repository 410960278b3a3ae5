import { type RunnerEvent, type StreamEvent, setInferenceRunner } from 'car-inference';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { eventsOf, loggedEvents } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { gate, turn } from './support/gate';
import { bothWays, text } from './support/scripted-runner';

afterEach(() => setInferenceRunner(null).dispose());

const WAYS = ['an emitter runner', 'a generator runner'] as const;
const START: RunnerEvent = { type: 'tool-call-start', index: 0, name: 'f' };

/** How a kind of text is sent, and found again. */
const KINDS: Record<
  'text-delta' | 'reasoning-delta' | 'tool-call-delta',
  { before: RunnerEvent[]; make: (part: string) => RunnerEvent }
> = {
  'text-delta': { before: [], make: (part: string) => text(part) },
  'reasoning-delta': {
    before: [],
    make: (part: string) => ({ type: 'reasoning-delta' as const, index: 0, text: part }),
  },
  'tool-call-delta': {
    before: [START],
    make: (part: string) => ({ type: 'tool-call-delta' as const, index: 0, argumentsDelta: part }),
  },
};

function joined(events: readonly StreamEvent[], kind: string): string {
  return events
    .filter(({ type }) => type === kind)
    .map((event) => ('text' in event ? event.text : 'argumentsDelta' in event ? event.argumentsDelta : ''))
    .join('');
}

async function roundTrip(events: readonly RunnerEvent[], way: (typeof WAYS)[number]) {
  setInferenceRunner(bothWays(events)[way]);
  const engine = newEngine();
  const stream = engine.generateTrackedStream(REQUEST);
  const seen = await eventsOf(stream);
  return { seen, logged: await loggedEvents(engine, stream), result: await stream.result() };
}

describe.each(WAYS)('of %s', (way) => {
  test.each(Object.keys(KINDS) as Array<keyof typeof KINDS>)(
    'a %s cut anywhere reads the same to the consumer, in the log and in the result',
    // fast-check takes seconds, once, to set up its characters.
    { timeout: 60_000 },
    async (kind) => {
      const { before, make } = KINDS[kind];
      // Half pairs stand alone only at the cuts, so joining the parts gives well-formed text.
      const parts = fc
        .tuple(fc.string({ unit: 'binary', maxLength: 12 }), fc.array(fc.nat(24), { maxLength: 4 }))
        .map(([whole, cuts]) => {
          const at = [0, ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b), whole.length];
          return { whole, parts: at.slice(1).map((end, index) => whole.slice(at[index], end)) };
        });
      await fc.assert(
        fc.asyncProperty(parts, async ({ whole, parts }) => {
          const { seen, logged, result } = await roundTrip([...before, ...parts.map(make)], way);
          expect(joined(seen, kind)).toBe(whole);
          expect(logged).toEqual(seen);
          if (kind === 'text-delta') expect(result.text).toBe(whole);
        }),
        { numRuns: 60 },
      );
    },
  );

  test('half a pair is carried over events of another kind', async () => {
    const { seen, logged, result } = await roundTrip(
      [text('a\ud83d'), { type: 'reasoning-delta', text: 'hm' }, text('\ude00b')],
      way,
    );
    expect(result.text).toBe('a😀b');
    expect(result.reasoning).toEqual([{ index: 0, text: 'hm' }]);
    expect(logged).toEqual(seen);
  });

  test.each<[string, string[], string]>([
    ['at the end', ['a', '\ud83d'], 'a\ufffd'],
    ['in the middle', ['a\ud83db', 'c'], 'a\ufffdbc'],
    ['before something else', ['a\ud83d', 'b'], 'a\ufffdb'],
    ['the second half alone', ['a', '\ude00b'], 'a\ufffdb'],
    ['two first halves', ['\ud83d', '\ud83d', '\ude00'], '\ufffd😀'],
  ])('a half that never meets its other is U+FFFD: %s', async (_name, parts, whole) => {
    const { seen, logged, result } = await roundTrip(parts.map(text), way);
    expect(joined(seen, 'text-delta')).toBe(whole);
    expect(result.text).toBe(whole);
    expect(logged).toEqual(seen);
  });

  test('a half before done or before the end of a tool call is not lost', async () => {
    const afterText = await roundTrip([text('a\ud83d'), { type: 'done', text: '', toolCalls: [] }], way);
    expect(afterText.result.text).toBe('a\ufffd');
    const afterTool = await roundTrip(
      [START, KINDS['tool-call-delta'].make('"a\ud83d'), { type: 'tool-call-end', index: 0 }],
      way,
    );
    expect(afterTool.result.toolCalls).toMatchObject([{ rawArguments: '"a\ufffd' }]);
  });

  test('a half that a delta with a signature cuts off is U+FFFD in its place, the same for all', async () => {
    const { seen, logged, result } = await roundTrip(
      [
        { type: 'reasoning-delta', text: 'a\ud83d' },
        { type: 'reasoning-delta', text: 'b', signature: 's' },
      ],
      way,
    );
    expect(joined(seen, 'reasoning-delta')).toBe('a\ufffdb');
    expect(result.reasoning).toEqual([{ index: 0, text: 'a\ufffdb', signature: 's' }]);
    expect(logged).toEqual(seen);
  });

  test('halves that are cut off together come in the order in which they were begun', async () => {
    const half = (type: keyof typeof KINDS, part = '\ud83d') => KINDS[type].make(part);
    const { seen, logged } = await roundTrip(
      [START, half('text-delta'), half('reasoning-delta'), half('tool-call-delta'), half('text-delta', '\ude00')],
      way,
    );
    expect(seen.slice(-3, -1).map(({ type }) => type)).toEqual(['reasoning-delta', 'tool-call-delta']);
    expect(logged).toEqual(seen);
  });

  test('half a pair in a field that has no continuation is U+FFFD', async () => {
    const { seen, logged } = await roundTrip([{ type: 'custom', name: 'x', data: { '\ud83d': 'a\ud83d' } }], way);
    expect(seen[0]).toEqual({ type: 'custom', name: 'x', data: { '\ufffd': 'a\ufffd' } });
    expect(logged[0]).toEqual(seen[0]);
  });
});

test('the half before done reaches a consumer that waits for it, although the runner lingers', async () => {
  const finished = gate();
  setInferenceRunner(async (_request, { emit }) => {
    for (const event of [text('a\ud83d'), { type: 'done', text: '', toolCalls: [] } as const]) await emit(event);
    await finished.promise;
  });
  const stream = newEngine({ timeouts: { graceMs: 60_000 } }).generateTrackedStream(REQUEST);
  const seen: StreamEvent[] = [];
  const reading = (async () => {
    for await (const event of stream) seen.push(event);
  })();
  for (let turns = 0; turns < 3; turns += 1) await turn();
  expect(seen).toEqual([text('a'), text('\ufffd')]);
  finished.open();
  await reading;
  expect(seen).toEqual([text('a'), text('\ufffd'), { type: 'done', text: 'a\ufffd', toolCalls: [] }]);
});
