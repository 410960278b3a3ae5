// Says in which contexts runners and consumers run, for the versions of Node that keep contexts in different ways.
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { InferenceEngine, setInferenceRunner } from 'car-inference';

const context = new AsyncLocalStorage();
const here = () => context.getStore() ?? 'none';
const say = (value) => console.log(JSON.stringify(value));
const text = (value) => ({ type: 'text-delta', text: value });
const REQUEST = { prompt: 'hi' };
const engine = new InferenceEngine({
  models: [{ id: 'gpt-5', source: { type: 'delegated' } }],
  retry: { attemptsMax: 2, backoffMs: 1 },
});

const runners = {
  async emitter(_request, { emit }) {
    await emit(text(here()));
    await turn();
    await emit(text(here()));
    await emit(text(here()));
  },
  async *generator() {
    yield text(here());
    await turn();
    yield text(here());
    yield text(here());
  },
};

for (const [way, runner] of Object.entries(runners)) {
  setInferenceRunner(runner);
  const stream = context.run('call', () => engine.generateTrackedStream(REQUEST));
  const seen = { way, runner: [], consumer: [] };
  await context.run('consumer', async () => {
    for await (const event of stream) {
      if (event.type === 'text-delta') seen.runner.push(event.text);
      seen.consumer.push(here());
    }
  });
  say(seen);
}

const runs = [];
setInferenceRunner(async () => {
  runs.push(here());
  if (runs.length % 2 === 1) throw Object.assign(new Error('busy'), { status: 503 });
});
await context.run('first', () => engine.generate(REQUEST));
await context.run('second', () => engine.generate(REQUEST));
say({ way: 'retry', runner: runs, timerOwner: here() });

const told = [];
setInferenceRunner(async function* (_request, { signal }) {
  signal.addEventListener('abort', () => told.push(here()));
  yield text('first');
  yield text('second');
});
const controller = new AbortController();
const stream = context.run('call', () => engine.generateTrackedStream(REQUEST, { signal: controller.signal }));
await context.run('consumer', () => stream.next());
context.run('aborter', () => controller.abort());
say({ way: 'abort', runner: told });
