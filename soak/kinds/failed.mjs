// Calls that fail: by their runner, by what it sends, by a bound.
import { LimitExceededError, ProtocolError, RunnerDeclinedError, RunnerFailedError } from 'car-inference';
import { mustBe, mustBeError } from '../must.mjs';
import { begin, consume, mustBeLogged } from '../one-call.mjs';
import { textOf } from '../script.mjs';

/** A kind whose call fails after all of its deltas. */
function failing(name, end, check) {
  return {
    name,
    status: 'failed',
    async run(place) {
      const script = { count: place.random.integer(1, 20), end };
      const stream = begin(place, script);
      const { error, events, text } = await consume(stream);
      mustBe('text before the failure', text, textOf(script));
      check(error, text);
      await mustBeLogged(place.engine, stream, 'failed');
      return events;
    },
  };
}

export const thrown = failing('thrown', 'throw', (error, text) => {
  mustBeError(error, RunnerFailedError, { code: 'runner-failed', status: 529, text });
  mustBeError(error.cause, Error, { message: 'by its script' });
});

export const nonsense = failing('nonsense', 'nonsense', (error, text) => {
  mustBeError(error, ProtocolError, { code: 'protocol', text });
});

export const declined = {
  name: 'declined',
  status: 'failed',
  async run(place) {
    const stream = begin(place, { count: 0, end: 'decline' });
    const { error, events } = await consume(stream);
    mustBeError(error, RunnerDeclinedError, { code: 'runner-declined' });
    await mustBeLogged(place.engine, stream, 'failed');
    return events;
  },
};

export const limited = {
  name: 'limited',
  status: 'failed',
  async run(place) {
    const limit = place.random.of(['eventBytesMax', 'callBytesMax']);
    const script = { count: 40, size: 100, end: 'return' };
    const stream = begin(place, script, { limits: { [limit]: limit === 'eventBytesMax' ? 50 : 1_000 } });
    const { error, events } = await consume(stream);
    mustBeError(error, LimitExceededError, { limit });
    await mustBeLogged(place.engine, stream, 'failed');
    return events;
  },
};
