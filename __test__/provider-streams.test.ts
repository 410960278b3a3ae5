import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type RunnerEvent, RunnerFailedError, setInferenceRunner } from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { collect, loggedEvents, recordOf, rejection, textOf } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { anthropicMessages } from './support/wires/anthropic-messages';
import { googleGenerateContent } from './support/wires/google-generate-content';
import { openaiChat } from './support/wires/openai-chat';
import { openaiResponses } from './support/wires/openai-responses';
import { ProviderError, parseServerSentEvents, type Translate } from './support/wires/sse';

afterEach(() => setInferenceRunner(null).dispose());

const RECORDINGS = new URL('../../shared/provider-streams/', import.meta.url);
const WIRES: Record<string, Translate> = {
  'anthropic-messages': anthropicMessages,
  'google-generate-content': googleGenerateContent,
  'openai-chat': openaiChat,
  'openai-responses': openaiResponses,
};

const isThere = existsSync(RECORDINGS);
if (!isThere) {
  const absent = `the recordings are not at ${fileURLToPath(RECORDINGS)}`;
  if (process.env.CI) test('the recordings must be there in CI', () => expect.fail(absent));
  else test.skip(`every recorded stream ends once, faithfully: ${absent}`);
}

/** What the translator alone makes of a recording: the yardstick for what the engine delivers. */
function translated(translate: Translate, body: string): { events: RunnerEvent[]; thrown: unknown } {
  const events: RunnerEvent[] = [];
  try {
    for (const event of translate(parseServerSentEvents(body))) events.push(event);
  } catch (thrown) {
    return { events, thrown };
  }
  return { events, thrown: undefined };
}

/** The argument text of each tool call, put together without the engine. */
function argumentTexts(events: readonly RunnerEvent[]): string[] {
  const texts = new Map<number, string>();
  for (const event of events) {
    if (event.type === 'tool-call-start') texts.set(event.index, '');
    else if (event.type === 'tool-call-delta') texts.set(event.index, texts.get(event.index) + event.argumentsDelta);
    else if (event.type === 'tool-call-end' && event.arguments !== undefined) texts.set(event.index, event.arguments);
  }
  return [...texts].sort(([a], [b]) => a - b).map(([, text]) => text);
}

function parsed(text: string): { arguments: unknown } | { rawArguments: string } {
  try {
    return { arguments: text === '' ? {} : JSON.parse(text) };
  } catch {
    return { rawArguments: text };
  }
}

for (const [wire, translate] of isThere ? Object.entries(WIRES) : []) {
  describe(wire, () => {
    const files = readdirSync(new URL(`${wire}/`, RECORDINGS)).filter((name) => name.endsWith('.sse'));
    test('has recordings', () => expect(files).not.toEqual([]));

    test.each(files)('%s ends once, faithfully', async (file) => {
      const body = readFileSync(new URL(`${wire}/${file}`, RECORDINGS), 'utf8');
      const { events: expected, thrown } = translated(translate, body);
      const text = expected.map((event) => (event.type === 'text-delta' ? event.text : '')).join('');
      expect(expected.length).toBeGreaterThan(0);
      setInferenceRunner(async function* () {
        yield* translate(parseServerSentEvents(body));
      });
      const engine = newEngine();
      const stream = engine.generateTrackedStream(REQUEST);
      const { events, failed, error } = await collect(stream);
      expect(await stream.next()).toEqual({ done: true, value: undefined });
      expect(textOf(events)).toBe(text);
      expect(await loggedEvents(engine, stream)).toEqual(events);

      if (thrown !== undefined) {
        expect(thrown).toBeInstanceOf(ProviderError);
        expect(error).toBeInstanceOf(RunnerFailedError);
        expect((error as RunnerFailedError).cause).toMatchObject({ message: (thrown as ProviderError).message });
        expect((error as RunnerFailedError).body).toEqual((thrown as ProviderError).error);
        expect(await rejection(stream.result())).toBe(error);
        expect((await recordOf(engine, stream)).status).toBe('failed');
        return;
      }
      expect(failed).toBe(false);
      expect(events.filter(({ type }) => type === 'done')).toHaveLength(1);
      expect(events.at(-1)).toMatchObject({ type: 'done', text });
      expect(events.slice(0, -1)).toEqual(
        expected.map((event) => (event.type === 'reasoning-delta' ? { index: 0, ...event } : event)),
      );
      const completion = await stream.result();
      expect(completion.text).toBe(text);
      expect(completion.toolCalls).toMatchObject(argumentTexts(expected).map(parsed));
      expect(completion.warnings).toEqual([]);
    });
  });
}
