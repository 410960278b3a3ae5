/** A file that installs vitest's fake timers and then loads the package: for the first time in its process, and again. */
import { createRequire } from 'node:module';
import { afterEach, expect, test, vi } from 'vitest';

afterEach(() => void vi.useRealTimers());

const require = createRequire(import.meta.url);
type Package = typeof import('car-inference');
const TIMERS = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'Date'] as const;

async function timesOut({ InferenceEngine, TimeoutError }: Package): Promise<void> {
  const runner = () => new Promise<never>(() => {});
  const engine = new InferenceEngine({ runner, timeouts: { firstEventMs: 10, graceMs: 5 } });
  const caught = await engine.generate({ prompt: 'hi' }).catch((error: unknown) => error);
  expect(caught).toBeInstanceOf(TimeoutError);
}

test('timeouts strike when the package is first loaded under fake timers, and when they are gone', async () => {
  vi.useFakeTimers({ now: 0, toFake: [...TIMERS, 'performance'] });
  const loaded = require('car-inference') as Package;
  await timesOut(loaded);
  vi.useRealTimers();
  await timesOut(loaded);
});

test('timeouts strike when the modules are reset under fake timers', async () => {
  require('car-inference');
  vi.useFakeTimers({ now: 0, toFake: [...TIMERS, 'performance', 'hrtime'] });
  for (const path of Object.keys(require.cache)) if (!path.endsWith('.node')) delete require.cache[path];
  const again = require('car-inference') as Package;
  await timesOut(again);
});
