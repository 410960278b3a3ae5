// A server as it should be: a signal closes the engine, and the process ends by itself when the calls are over.
import { setInferenceRunner } from 'car-inference';
import { say } from './mid-stream.mjs';
import { newEngine } from './setup.mjs';

const mode = process.argv[2];
let finish;
setInferenceRunner(async (_request, { emit, signal }) => {
  await emit({ type: 'text-delta', text: 'first ' });
  await new Promise((resolve) => {
    finish = resolve;
    signal.addEventListener('abort', resolve);
  });
  await emit({ type: 'text-delta', text: 'last' });
});

const engine = newEngine();
const server = setInterval(() => {}, 2 ** 30);
process.on('SIGTERM', async () => {
  clearInterval(server);
  if (mode === 'drain') finish();
  await engine.close(mode);
  say({ closed: mode });
});

const stream = engine.generateTrackedStream({ model: 'gpt-5', prompt: 'hi' });
await stream.next();
process.kill(process.pid, 'SIGTERM');
say(
  await stream.result().then(
    ({ text }) => ({ text }),
    ({ code, text }) => ({ code, text }),
  ),
);
const { status } = await engine.eventLog.call(stream.traceId);
say({ status });
