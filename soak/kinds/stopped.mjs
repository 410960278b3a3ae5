// Calls that their consumer or a timeout stops while the runner would go on.
import { CancelledError, TimeoutError } from 'car-inference';
import { mustBe, mustBeError } from '../must.mjs';
import { begin, consume, mustBeLogged } from '../one-call.mjs';
import { textOf } from '../script.mjs';

const endless = (random) => ({ count: random.integer(1, 12), end: 'hang' });

/** Pulls everything that the runner sends before it hangs. */
async function pullAll(stream, { count }) {
  for (let pulled = 0; pulled < count; pulled += 1) mustBe('a stream that hangs', (await stream.next()).done, false);
}

export const cancelled = {
  name: 'cancelled',
  status: 'cancelled',
  async run(place) {
    const script = endless(place.random);
    const stream = begin(place, script);
    const stopAt = place.random.integer(1, script.count);
    const { error, events, text } = await consume(stream, {
      afterEvent: (events) => {
        if (events === stopAt) stream.cancel('enough');
      },
    });
    mustBe('events before the cancellation', events, stopAt);
    mustBe('text before the cancellation', text, textOf(script, stopAt));
    mustBeError(error, CancelledError, { code: 'cancelled', cause: 'enough' });
    mustBe('partial text', textOf(script).startsWith(error.text) && error.text.startsWith(text), true);
    await mustBeLogged(place.engine, stream, 'cancelled');
    return events;
  },
};

export const left = {
  name: 'left',
  status: 'cancelled',
  async run(place) {
    const script = endless(place.random);
    const stream = begin(place, script);
    let events = 0;
    for await (const _event of stream) {
      events += 1;
      if (events === script.count) break;
    }
    await mustBeLogged(place.engine, stream, 'cancelled');
    return events;
  },
};

export const aborted = {
  name: 'aborted',
  status: 'cancelled',
  async run(place) {
    const script = endless(place.random);
    const controller = new AbortController();
    const reason = new Error('the user went away');
    const stream = begin(place, script, { signal: controller.signal });
    const { error, events } = await consume(stream, {
      afterEvent: (events) => {
        if (events === script.count) controller.abort(reason);
      },
    });
    mustBe('whether the very reason was thrown', error === reason, true);
    await mustBeLogged(place.engine, stream, 'cancelled');
    return events;
  },
};

export const timeout = {
  name: 'timeout',
  status: 'timeout',
  async run(place) {
    const kind = place.random.of(['first-event', 'idle', 'total']);
    const script = { count: kind === 'first-event' ? 0 : 1, end: 'hang' };
    const timeouts = { [kind === 'first-event' ? 'firstEventMs' : `${kind}Ms`]: 20 };
    const stream = begin(place, script, { timeouts });
    const { error, events } = await consume(stream);
    mustBeError(error, TimeoutError, { kind, timeoutMs: 20 });
    await mustBeLogged(place.engine, stream, 'timeout');
    return events;
  },
};

/** A stream that is held open for seconds and says nothing. */
export const idle = {
  name: 'idle',
  status: 'cancelled',
  async run(place) {
    const script = { count: 1, end: 'hang' };
    const stream = begin(place, script);
    await pullAll(stream, script);
    const pull = stream.next();
    await place.pause(place.random.integer(1_000, 5_000));
    await stream.cancel();
    const error = await pull.catch((error) => error);
    mustBeError(error, CancelledError, { code: 'cancelled', text: textOf(script) });
    await mustBeLogged(place.engine, stream, 'cancelled');
    return script.count;
  },
};
