/**
 * Objects that a runner may hand over as an event, by mistake or in malice. Each is delivered as its JSON, the same to
 * the consumer and in the log, or ends its call with a `ProtocolError` that names the field.
 */
import { ProtocolError, RunnerFailedError, setInferenceRunner } from 'car-inference';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { newEngine, REQUEST } from './support/engine';
import { DELIVERED, WRONG } from './support/hostile-objects';
import { text } from './support/scripted-runner';
import { endOf } from './support/soundness';
import { Thread } from './support/thread';
import { hostileRunner } from './support/workers/hostile-values.mjs';

const thread = new Thread();
afterAll(() => thread.terminate());
afterEach(() => setInferenceRunner(null).dispose());

describe.each(['this thread', 'another thread'])('from a runner of %s', (place) => {
  describe.each(['emits', 'yields'])('that %s it', (way) => {
    async function call(name: string) {
      if (place === 'this thread') setInferenceRunner(hostileRunner(way, 'VALUES', name));
      else await thread.ask('registerHostile', { way, table: 'VALUES', name });
      const engine = newEngine();
      return endOf(engine, engine.generateTrackedStream(REQUEST));
    }

    test.each(Object.entries(DELIVERED))('%s is delivered', async (name, event) => {
      const { events, error } = await call(name);
      expect(error).toBeUndefined();
      expect(events).toEqual([text('before'), event]);
    });

    // A generator awaits what it yields, and so looks for a `then` itself.
    const wrong = Object.entries(WRONG).filter(([name]) => way === 'emits' || name !== 'a revoked proxy');
    test.each(wrong)('%s is an error', async (name, [path, says]) => {
      const { events, error } = await call(name);
      expect(events).toEqual([text('before')]);
      expect(error).toBeInstanceOf(ProtocolError);
      expect(error).toMatchObject({ code: 'protocol', problems: [{ path, message: expect.stringMatching(says) }] });
    });

    test('126 levels of data are delivered', async () => {
      const { events } = await call('126 levels of data');
      const levels = JSON.stringify((events[1] as { data: unknown }).data).split('{').length - 1;
      expect(levels).toBe(126);
    });

    test('__proto__ and constructor are keys like any other, and no prototype changes', async () => {
      const { events } = await call('__proto__ and constructor as keys');
      const { data } = events[1] as unknown as { data: object };
      expect(JSON.stringify(data)).toBe(
        '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1,"hasOwnProperty":null}',
      );
      expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
      expect(({} as { polluted?: number }).polluted).toBeUndefined();
    });
  });

  test('a revoked proxy that is yielded fails the generator itself', async () => {
    if (place === 'this thread') setInferenceRunner(hostileRunner('yields', 'VALUES', 'a revoked proxy'));
    else await thread.ask('registerHostile', { way: 'yields', table: 'VALUES', name: 'a revoked proxy' });
    const engine = newEngine();
    const { error } = await endOf(engine, engine.generateTrackedStream(REQUEST));
    expect(error).toBeInstanceOf(RunnerFailedError);
    expect(error?.message).toMatch(/revoked/);
  });
});
