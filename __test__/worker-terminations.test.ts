/** `worker.terminate()` in every phase of a call: whoever is left hears of it, typed and at once. */
import { setInferenceRunner } from 'car-inference';
import { expect, test } from 'vitest';
import { newEngine, REQUEST } from './support/engine';
import { TERMINATIONS, terminateIn } from './support/terminations.mjs';

// No time is short enough to be what ended the calls: grace is ten minutes, the others are off.
test.each(TERMINATIONS)('a thread that is terminated as %s, %s', async (role, phase, seen) => {
  expect(await terminateIn(role, phase)).toEqual({ ...seen, isFree: true });
  const registration = setInferenceRunner(async () => ({ text: 'still serving' }));
  expect((await newEngine().generate(REQUEST)).text).toBe('still serving');
  registration.dispose();
});
