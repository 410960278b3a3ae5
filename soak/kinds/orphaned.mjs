// Calls whose runner's thread goes away: in mid-stream, or before they begin.
import { NoRunnerError, RunnerFailedError } from 'car-inference';
import { mustBe, mustBeError } from '../must.mjs';
import { begin, consume, mustBeLogged } from '../one-call.mjs';
import { textOf } from '../script.mjs';

/** `end` ends the thread once the stream is in its midst. */
export const orphaned = (end) => ({
  name: 'orphaned',
  status: 'failed',
  async run(place) {
    const script = { count: 1, end: 'hang' };
    const stream = begin(place, script);
    const { error, events, text } = await consume(stream, { afterEvent: end });
    mustBe('text before the thread ended', text, textOf(script));
    mustBeError(error, RunnerFailedError, { code: 'runner-failed', text });
    await mustBeLogged(place.engine, stream, 'failed');
    return events;
  },
});

export const vacant = {
  name: 'vacant',
  status: 'failed',
  async run(place) {
    const { error, events } = await consume(begin(place, { count: 1, end: 'return' }));
    mustBeError(error, NoRunnerError, { code: 'no-runner' });
    return events;
  },
};
