// A script whose fake timers are installed before the package is loaded: for the first time, or again.
import { createRequire } from 'node:module';
import { mock } from 'node:test';
import timers from 'node:timers';

const [kind, order] = process.argv.slice(2);
const say = (what) => console.log(JSON.stringify(what));
const require = createRequire(import.meta.url);
const load = () => require('car-inference');
const realDate = Date;

const kinds = {
  'node:test': {
    use: () => mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'], now: 0 }),
    restore: () => mock.timers.reset(),
  },
  'by hand': {
    use() {
      const never = () => ({ ref: () => never(), unref: () => never(), hasRef: () => false });
      const fakes = { setTimeout: never, setInterval: never, clearTimeout() {}, clearInterval() {} };
      Object.assign(timers, fakes);
      Object.assign(globalThis, fakes);
      globalThis.Date = class extends realDate {
        static now = () => 0;
        static parse = () => 0;
      };
      performance.now = () => 0;
    },
    restore() {},
  },
  throwing: {
    use() {
      timers.setTimeout = () => {
        throw new Error('no timers in this test');
      };
    },
    restore() {},
  },
};

async function check({ InferenceEngine }) {
  const runner = async (_request, { signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  };
  const engine = new InferenceEngine({ runner, timeouts: { firstEventMs: 20 } });
  say(await engine.generate({ prompt: 'hi' }).catch(({ name }) => name));
  const retry = { attemptsMax: 2, backoffMs: 5 };
  let runs = 0;
  const flaky = async () => {
    runs += 1;
    if (runs === 1) throw new Error('once');
  };
  await engine.generate({ prompt: 'hi' }, { runner: flaky, retry });
  const dated = async () => {
    throw Object.assign(new Error('later'), { headers: { 'retry-after': new realDate(0).toUTCString() } });
  };
  const { retryAfterMs } = await engine.generate({ prompt: 'hi' }, { runner: dated }).catch((caught) => caught);
  say({ runs, retryAfterMs });
}

const { use, restore } = kinds[kind];
if (order === 'again') load();
use();
if (order === 'again') {
  for (const path of Object.keys(require.cache)) if (!path.endsWith('.node')) delete require.cache[path];
}
const loaded = load();
await check(loaded);
restore();
await check(loaded);
say('over');
