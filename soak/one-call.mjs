// One call as its consumer sees it: what it got, and the rules that hold for every call whatever its kind.
import { mustBe } from './must.mjs';

export function begin({ engine, model, random }, script, options) {
  const request = { model, prompt: JSON.stringify({ way: random.of(['pulled', 'pushed']), ...script }) };
  return engine.generateTrackedStream(request, options);
}

/** Pulls until the stream ends. Resolves with what came; checks that nothing came after the ending. */
export async function consume(stream, { afterEvent } = {}) {
  const seen = { text: '', events: 0, dones: 0, error: undefined };
  try {
    for (let pull = await stream.next(); !pull.done; pull = await stream.next()) {
      const { type, text } = pull.value;
      mustBe('events after done', seen.dones, 0);
      seen.events += 1;
      if (type === 'done') seen.dones += 1;
      if (type === 'text-delta') seen.text += text;
      await afterEvent?.(seen.events);
    }
  } catch (error) {
    seen.error = error;
  }
  mustBe('endings', seen.dones + (seen.error === undefined ? 0 : 1), 1);
  mustBe('pulling after the ending', await stream.next(), { done: true, value: undefined });
  return seen;
}

/** A stream that must be answered whole. Answers how many events it had. */
export async function consumeAnswer(stream, text, rest = {}, options = {}) {
  const { error, ...seen } = await consume(stream, options);
  if (error !== undefined) throw error;
  mustBe('streamed text', seen.text, text);
  const completion = await stream.result();
  mustBe('text of the result', completion.text, text);
  for (const [name, expected] of Object.entries(rest)) mustBe(`${name} of the result`, completion[name], expected);
  return seen.events;
}

/** The log must agree on how the call ended. */
export async function mustBeLogged(engine, stream, status) {
  const record = await engine.eventLog.call(stream.traceId);
  mustBe('status in the log', record?.status, status);
  return record;
}
