/**
 * Text of any kind, in every field of every event and request: kept exactly, but for half a surrogate pair, which UTF-8
 * cannot hold. In a delta it waits for its other half (see `half-characters.test.ts`); anywhere else it is U+FFFD.
 */
import { type RunnerEvent, setInferenceRunner } from 'car-inference';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { recordOf } from './support/collect';
import { MODEL, newEngine, REQUEST } from './support/engine';
import { EVERY_EVENT } from './support/every-event';
import { bothWays, text } from './support/scripted-runner';
import { endOf } from './support/soundness';
import { Thread } from './support/thread';

const thread = new Thread();
afterAll(() => thread.terminate());
afterEach(() => setInferenceRunner(null).dispose());

/** The second is what is delivered for the first. */
const TEXTS: Array<[name: string, given: string, kept: string]> = [
  ['empty text', '', ''],
  ['NUL', '\0a\0\0', '\0a\0\0'],
  ['control characters', '\x01\x1b[2J\r\n\x7f\x85', '\x01\x1b[2J\r\n\x7f\x85'],
  ['line separators of JavaScript', 'a\u2028b\u2029', 'a\u2028b\u2029'],
  ['a byte order mark', '\ufeffa\ufeff', '\ufeffa\ufeff'],
  ['a real replacement character', 'a\ufffdb', 'a\ufffdb'],
  ['noncharacters', '\uffff\ufdd0\u{10ffff}', '\uffff\ufdd0\u{10ffff}'],
  ['direction marks and joiners', '\u202eabc\u200d👨‍👩‍👧', '\u202eabc\u200d👨‍👩‍👧'],
  ['what looks like an escape', '\\ud83d \\u0000 \\', '\\ud83d \\u0000 \\'],
  ['JSON', '{"type":"done"}', '{"type":"done"}'],
  ['a first half in the middle', 'a\ud83db', 'a\ufffdb'],
  ['a second half at the beginning', '\ude00b', '\ufffdb'],
  ['halves in the wrong order', 'x\ude00\ud83dy', 'x\ufffd\ufffdy'],
  ['a first half before a whole pair', 'x\ud83d😀y', 'x\ufffd😀y'],
];

/** The same with every text replaced but those that name a kind or a reason. */
function withText<T>(value: T, put: string): T {
  if (typeof value === 'string') return put as T;
  if (Array.isArray(value)) return value.map((item) => withText(item, put)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([name, field]) => [
    name,
    name === 'type' || name === 'reason' || name === 'role' ? field : withText(field, put),
  ]);
  return Object.fromEntries(fields) as T;
}

describe.each(['an emitter runner', 'a generator runner', 'a runner of another thread'] as const)('of %s', (way) => {
  test.each(TEXTS)('%s in every field of every event', async (_name, given, kept) => {
    const events = EVERY_EVENT.map((event) => withText(event, given));
    if (way === 'a runner of another thread') await thread.ask('register', { events });
    else setInferenceRunner(bothWays(events)[way]);
    const engine = newEngine();
    const ended = await endOf(engine, engine.generateTrackedStream(REQUEST));
    expect(ended.error).toBeUndefined();
    expect(ended.events).toEqual(EVERY_EVENT.map((event) => withText(event, kept)));
    expect(ended.completion?.text).toBe(kept);
  });

  test.each(TEXTS)('%s as a key of data', async (_name, given, kept) => {
    const event = (key: string): RunnerEvent => ({ type: 'custom', name: 'x', data: { [key]: [{ [key]: 1 }] } });
    if (way === 'a runner of another thread') await thread.ask('register', { events: [event(given)] });
    else setInferenceRunner(bothWays([event(given)])[way]);
    const engine = newEngine();
    expect((await endOf(engine, engine.generateTrackedStream(REQUEST))).events).toEqual([event(kept)]);
  });
});

const FULL_REQUEST = {
  ...REQUEST,
  context: 'c',
  clientRef: 'r',
  conversationId: 'v',
  parentTraceId: 'p',
  tags: ['t'],
  params: { stop: ['s'] },
  providerOptions: { openai: { deep: ['x'] } },
  messages: [
    { role: 'system', content: 'x' },
    { role: 'user', content: 'x' },
    { role: 'user-multimodal', content: [{ type: 'text', text: 'x' }] },
    {
      role: 'assistant',
      content: 'x',
      toolCalls: [{ id: 'c', name: 'f', arguments: { a: 'x' } }],
      reasoning: [{ index: 0, text: 'x', signature: 's' }],
    },
    { role: 'tool-result', toolUseId: 'c', content: 'x' },
    { role: 'provider-output-items', protocol: 'p', items: [{ a: 'x' }] },
  ],
} as const;

describe.each(['this thread', 'another thread'])('to a runner of %s', (place) => {
  // Empty text is no prompt, and says nothing of text.
  test.each(TEXTS.filter(([name]) => name !== 'empty text'))(
    '%s in every field of the request',
    async (_name, given, kept) => {
      const requestOf = (put: string) => ({ ...withText(FULL_REQUEST, put), model: MODEL.id });
      const requests: unknown[] = [];
      if (place === 'another thread') await thread.ask('register', {});
      else {
        setInferenceRunner(async (request, { clientRef }) => {
          requests.push(request, clientRef);
        });
      }
      const engine = newEngine();
      const stream = engine.generateTrackedStream(requestOf(given) as never);
      await stream.result();
      const seen = place === 'this thread' ? requests[0] : (await thread.ask('runs')).at(-1).request;
      expect(seen).toEqual(requestOf(kept));
      expect((await recordOf(engine, stream)).request).toEqual(requestOf(kept));
      if (place === 'this thread') expect(requests[1]).toBe(kept);
    },
  );
});

test.each(TEXTS.filter(([name]) => name !== 'empty text'))(
  '%s as a model and as a hint',
  async (_name, given, kept) => {
    setInferenceRunner(async (_request, { emit, hint, model }) => void emit(text(`${hint} ${model.id}`)), {
      hint: given,
    });
    const engine = newEngine({ models: [{ id: given, source: { type: 'delegated', hint: given } }] });
    const stream = engine.generateTrackedStream({ prompt: 'hi', model: given });
    expect((await stream.result()).text).toBe(`${kept} ${kept}`);
    expect(stream.modelUsed).toBe(kept);
    expect(engine.models.map(({ id }) => id)).toEqual([kept]);
    setInferenceRunner(null, { hint: given });
  },
);

test.each(TEXTS)('%s as a trace id finds nothing, and breaks nothing', async (_name, given) => {
  const { eventLog } = newEngine();
  expect(await eventLog.call(given)).toBeUndefined();
  for await (const _event of eventLog.events(given)) throw new Error('there is no such call');
  for await (const _call of eventLog.calls({ tags: [given], model: given })) throw new Error('there is no such call');
});
