/**
 * A panic in Rust reaches JavaScript as an error, never as an abort.
 *
 * The one place where the addon is loaded past the package: no input is known that makes Rust panic, so it is asked to.
 */
import { createRequire } from 'node:module';
import { setInferenceRunner } from 'car-inference';
import { afterEach, expect, test } from 'vitest';
import { collect } from './support/collect';
import { newEngine, REQUEST } from './support/engine';

interface Probes {
  panicProbe(): void;
  panicProbeHot(): number;
  textDelta(port: number, text: string): number;
}

const addon = createRequire(import.meta.url)('../native/index.js') as Probes;

afterEach(() => setInferenceRunner(null).dispose());

test.each(['panicProbe', 'panicProbeHot'] as const)('%s throws, and the process goes on', (probe) => {
  expect(() => addon[probe]()).toThrow(/panic/i);
  expect(() => addon[probe]()).toThrow(Error);
});

test('a panic in the gate ends the call with an InternalError', async () => {
  const textDelta = addon.textDelta;
  setInferenceRunner(async (_request, emitter) => {
    addon.textDelta = () => addon.panicProbeHot();
    try {
      emitter.emit({ type: 'text-delta', text: 'a' });
    } finally {
      addon.textDelta = textDelta;
    }
  });
  const { error, events } = await collect(newEngine().generateTrackedStream(REQUEST));
  expect(events).toEqual([]);
  expect(error).toMatchObject({ name: 'InternalError', code: 'internal' });
});
