/**
 * A panic in Rust reaches JavaScript as an error, never as an abort.
 *
 * The one place where the addon is loaded past the package: no input is known that makes Rust panic, so it is asked to.
 */
import { setInferenceRunner } from 'car-inference';
import { afterEach, expect, test, vi } from 'vitest';
import { collect } from './support/collect';
import { newEngine, REQUEST } from './support/engine';

// Before the package is loaded, which looks its hot calls up once.
const { addon, probe } = await vi.hoisted(async () => {
  const { createRequire } = await import('node:module');
  const loaded = createRequire(import.meta.url)('../native/index.js') as {
    panicProbe(): void;
    panicProbeHot(): number;
    textDelta(port: number, text: string): number;
  };
  const { textDelta } = loaded;
  const switched = { panics: false };
  loaded.textDelta = (port, text) => (switched.panics ? loaded.panicProbeHot() : textDelta(port, text));
  return { addon: loaded, probe: switched };
});

afterEach(() => setInferenceRunner(null).dispose());

test.each(['panicProbe', 'panicProbeHot'] as const)('%s throws, and the process goes on', (name) => {
  expect(() => addon[name]()).toThrow(/panic/i);
  expect(() => addon[name]()).toThrow(Error);
});

test('a panic in the gate ends the call with an InternalError', async () => {
  setInferenceRunner(async (_request, emitter) => {
    probe.panics = true;
    try {
      emitter.emit({ type: 'text-delta', text: 'a' });
    } finally {
      probe.panics = false;
    }
  });
  const { error, events } = await collect(newEngine().generateTrackedStream(REQUEST));
  expect(events).toEqual([]);
  expect(error).toMatchObject({ name: 'InternalError', code: 'internal' });
});
