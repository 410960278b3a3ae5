// Runners that never stop: only a clock of the call is left to turn the loop, and somebody waits for it.
import { setInferenceRunner } from 'car-inference';
import { newEngine, startStream } from './setup.mjs';

const never = new Promise(() => {});
const deaf = async (_request, { emit }) => {
  await emit({ type: 'text-delta', text: 'first' });
  await never;
};

setInferenceRunner(async (_request, { emit }) => {
  await emit({ type: 'done', text: '', toolCalls: [] });
  await never;
});
for await (const { type } of startStream()) console.log(type);

setInferenceRunner(deaf);
const cancelled = newEngine({ timeouts: { graceMs: 20 } });
const pulled = cancelled.generateTrackedStream({ model: 'gpt-5', prompt: 'hi' });
await pulled.next();
await cancelled.close('cancel');
console.log('closed');

const timeouts = { totalMs: 20, graceMs: 20 };
const detached = startStream({ timeouts });
detached.detach();
await detached.result().catch(({ name }) => console.log('result', name));

const drained = newEngine({ timeouts });
drained.generateTrackedStream({ model: 'gpt-5', prompt: 'hi' }).detach();
await drained.close('drain');
console.log('drained');
