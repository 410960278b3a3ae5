// Engines that come and go, with calls in flight when they are closed.
import { CancelledError, InferenceEngine } from 'car-inference';
import { mustBe, mustBeError } from '../must.mjs';
import { begin } from '../one-call.mjs';
import { textOf } from '../script.mjs';

const streams_each = 3;

export function engineFor(models) {
  return new InferenceEngine({ models: models.map((id) => ({ id, source: { type: 'delegated', hint: id } })) });
}

async function openStreams(place, script) {
  const streams = Array.from({ length: streams_each }, () => begin(place, script));
  for (const stream of streams) mustBe('the first delta', (await stream.next()).value.text, textOf(script, 1));
  return streams;
}

export const drained = {
  name: 'drained',
  status: 'done',
  async run({ model, random }) {
    const engine = engineFor([model]);
    const script = { count: 5, everyMs: 2, end: 'return' };
    const streams = await openStreams({ engine, model, random }, script);
    const results = streams.map((stream) => stream.result());
    await engine.close('drain');
    for (const { text } of await Promise.all(results)) mustBe('text of a drained engine', text, textOf(script));
    return streams_each * (script.count + 1);
  },
};

export const closed = {
  name: 'closed',
  status: 'cancelled',
  async run({ model, random }) {
    const engine = engineFor([model]);
    const streams = await openStreams({ engine, model, random }, { count: 1, end: 'hang' });
    await engine.close('cancel');
    for (const stream of streams) {
      const error = await stream.next().catch((error) => error);
      mustBeError(error, CancelledError, { code: 'cancelled' });
    }
    return streams_each;
  },
};
