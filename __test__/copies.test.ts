/** Two copies of the package's JavaScript over one addon in one thread, as a test runner's reset of modules makes them. */
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { collect } from './support/collect';
import { MODEL, REQUEST } from './support/engine';
import { Latch } from './support/latch';
import { aborted, done, text } from './support/scripted-runner';
import { Thread } from './support/thread';

type Package = typeof import('car-inference');

const require = createRequire(import.meta.url);
const root = dirname(require.resolve('car-inference')) + sep;

function load(): Package {
  return require('car-inference');
}

const purges: Record<string, (path: string) => boolean> = {
  'its JavaScript was purged': (path) => !path.endsWith('.node'),
  'everything was purged': () => true,
};

afterEach(() => load().setInferenceRunner(null).dispose());

describe.each(Object.entries(purges))('two copies, since %s', (_name, isPurged) => {
  function twoCopies(): [Package, Package] {
    const first = load();
    for (const path of Object.keys(require.cache)) {
      if (path.startsWith(root) && isPurged(path)) delete require.cache[path];
    }
    const second = load();
    expect(second).not.toBe(first);
    return [first, second];
  }

  test.each(['first', 'second'])('the runner registered with the %s serves the calls of both', async (by) => {
    const copies = twoCopies();
    const runner = async () => ({ text: 'hello' });
    copies[by === 'first' ? 0 : 1].setInferenceRunner(runner);
    for (const { currentInferenceRunner, InferenceEngine } of copies) {
      expect(currentInferenceRunner()).toBe(runner);
      expect((await new InferenceEngine({ models: [MODEL] }).generate(REQUEST)).text).toBe('hello');
    }
  });

  test('calls of both are served by the runner of a thread', async () => {
    const copies = twoCopies();
    await using thread = new Thread();
    await thread.ask('register', { way: 'emitter', events: [text('hello')] });
    for (const { InferenceEngine } of copies) {
      const { events } = await collect(new InferenceEngine({ models: [MODEL] }).generateTrackedStream(REQUEST));
      expect(events).toEqual([text('hello'), done('hello')]);
    }
  });

  test('a run for a thread that the first began hears of its cancellation after the second was loaded', async () => {
    const first = load();
    let reason: unknown;
    first.setInferenceRunner(async (_request, { emit, signal }) => {
      await emit(text('a'));
      await aborted(signal);
      reason = signal.reason;
    });
    await using thread = new Thread();
    await thread.ask('open', { request: REQUEST });
    await thread.ask('next');
    const [, second] = twoCopies();
    await thread.ask('cancel', 'enough');
    expect(reason).toBeInstanceOf(second.CancelledError);
  });
});

test('mail that had come before the second copy was loaded is not lost', async () => {
  const first = load();
  const latch = new Latch();
  await using thread = new Thread();
  await thread.ask('register', { events: [text('hello')], reaches: latch.cells });
  const answer = new first.InferenceEngine({ models: [MODEL] }).generate(REQUEST);
  // The call begins in the next microtask. Then this thread stands still until its mail is there.
  await Promise.resolve().then(() => latch.blockUntilReached());
  for (const path of Object.keys(require.cache)) if (path.startsWith(root)) delete require.cache[path];
  expect(load()).not.toBe(first);
  expect((await answer).text).toBe('hello');
});
