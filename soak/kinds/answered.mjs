// Calls that come to a whole answer, however they are read.

import { mustBe } from '../must.mjs';
import { begin, consume, consumeAnswer, mustBeLogged } from '../one-call.mjs';
import { textOf } from '../script.mjs';

const short = (random) => ({ count: random.integer(0, 30), end: 'return' });

export const fast = {
  name: 'fast',
  status: 'done',
  async run(place) {
    const script = short(place.random);
    const stream = begin(place, script);
    const events = await consumeAnswer(stream, textOf(script));
    const record = await mustBeLogged(place.engine, stream, 'done');
    mustBe('events in the log', record.eventCount, script.count + 1);
    return events;
  },
};

/** A runner that takes its time, or a consumer that does, with a small buffer between them. */
export const slow = {
  name: 'slow',
  status: 'done',
  async run(place) {
    const { pause, random } = place;
    const isRunner = random.next() < 0.5;
    const script = { count: random.integer(5, 60), end: 'return', ...(isRunner && { everyMs: random.integer(5, 50) }) };
    const stream = begin(place, script, { limits: { bufferedEventsMax: 4 } });
    const afterEvent = isRunner ? undefined : (events) => events % 4 === 0 && pause(random.integer(5, 50));
    const events = await consumeAnswer(stream, textOf(script), {}, { afterEvent });
    await mustBeLogged(place.engine, stream, 'done');
    return events;
  },
};

export const huge = {
  name: 'huge',
  status: 'done',
  async run(place) {
    const script = { count: place.random.integer(16, 48), size: 256 * 1024, end: 'return' };
    const stream = begin(place, script);
    const { error, events, text } = await consume(stream);
    if (error !== undefined) throw error;
    mustBe('whether the text is the same', text === textOf(script), true);
    return events;
  },
};

/** Everything that is no plain text: half characters, reasoning, tools, usage. */
export const rich = {
  name: 'rich',
  status: 'done',
  async run(place) {
    // A size that cuts the delta's last character into halves.
    const script = { count: place.random.integer(1, 8), size: 34 + place.random.integer(0, 3), end: 'tools' };
    const stream = begin(place, script);
    const events = await consumeAnswer(stream, textOf(script).toWellFormed(), {
      toolCalls: [{ id: 'call-1', name: 'weather', arguments: { city: 'Graz' } }],
      stopReason: 'tool-calls',
    });
    await mustBeLogged(place.engine, stream, 'done');
    return events;
  },
};

/** Attempts that fail before the one that answers. */
export const retried = {
  name: 'retried',
  status: 'done',
  async run(place) {
    const script = { ...short(place.random), failures: 2 };
    const stream = begin(place, script, { retry: { attemptsMax: 3, backoffMs: 1 } });
    const events = await consumeAnswer(stream, textOf(script));
    const record = await mustBeLogged(place.engine, stream, 'done');
    mustBe('attempts in the log', record.attempts.length, 3);
    return events;
  },
};

/** Nobody answers for the model that is asked for; the next one does. */
export const fallback = {
  name: 'fallback',
  status: 'done',
  async run({ engine, model, random }) {
    const script = { way: 'pushed', ...short(random) };
    const request = { model: 'nowhere', fallbackModels: [model], prompt: JSON.stringify(script) };
    const stream = engine.generateTrackedStream(request);
    const events = await consumeAnswer(stream, textOf(script), { modelUsed: model });
    await mustBeLogged(engine, stream, 'done');
    return events;
  },
};

/** The ways of reading that are not a loop over the stream. */
export const read = {
  name: 'read',
  status: 'done',
  async run(place) {
    const script = { count: place.random.integer(1, 30), end: 'return' };
    const stream = begin(place, script);
    const way = place.random.of(['result', 'detach', 'text', 'web']);
    let text = '';
    if (way === 'text') {
      for await (const part of stream.textStream) text += part;
    } else if (way === 'web') {
      for await (const event of stream.toReadableStream()) if (event.type === 'text-delta') text += event.text;
    } else {
      if (way === 'detach') stream.detach();
      text = (await stream.result()).text;
    }
    mustBe(`text by ${way}`, text, textOf(script));
    await mustBeLogged(place.engine, stream, 'done');
    return script.count + 1;
  },
};
