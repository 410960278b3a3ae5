// A little of everything that the package does, in one thread and across two: what a flag of Node could break.
import { Worker } from 'node:worker_threads';
import { InferenceEngine, RunnerFailedError, setInferenceRunner } from 'car-inference';

const say = (what) => console.log(JSON.stringify(what));
const threads = !process.argv.includes('--without-threads');
const request = { model: 'm', prompt: 'hi' };
const engine = new InferenceEngine({ models: [{ id: 'm', source: { type: 'delegated' } }] });

setInferenceRunner(async function* () {
  yield { type: 'text-delta', text: 'pulled' };
});
say({ text: (await engine.generate(request)).text });

const cause = Object.assign(new TypeError('overloaded'), { status: 529 });
setInferenceRunner(async (_request, { emit }) => {
  await emit({ type: 'text-delta', text: 'pushed' });
  throw cause;
});
const stream = engine.generateTrackedStream(request);
say((await stream.next()).value);
const error = await stream.result().catch((error) => error);
say({
  name: error.name,
  isTyped: error instanceof RunnerFailedError,
  status: error.status,
  same: error.cause === cause,
});
say({ status: (await engine.eventLog.call(stream.traceId)).status });

const controller = new AbortController();
setInferenceRunner(async (_request, { emit, cancelled }) => {
  await emit({ type: 'text-delta', text: 'a' });
  await cancelled();
});
const aborted = engine.generateTrackedStream(request, { signal: controller.signal });
await aborted.next();
controller.abort();
say({ sameReason: (await aborted.result().catch((error) => error)) === controller.signal.reason });

if (threads) {
  const worker = new Worker(new URL('../workers/echo.mjs', import.meta.url));
  await new Promise((resolve) => worker.once('message', resolve));
  const remote = await engine.generate(request).catch((error) => error);
  say({ name: remote.name, text: remote.text, cause: remote.cause.name, isError: remote.cause instanceof Error });
  await worker.terminate();
}
await engine.close('drain');
say('end');
