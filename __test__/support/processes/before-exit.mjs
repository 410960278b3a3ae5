// What a host that listens to `beforeExit` sees of open calls. The argument names the case.
import { Worker } from 'node:worker_threads';
import { setInferenceRunner } from 'car-inference';
import { say } from './mid-stream.mjs';
import { newEngine, registerHangingRunner, startStream } from './setup.mjs';

const REQUEST = { model: 'gpt-5', prompt: 'hi' };
let announced = 0;
process.on('beforeExit', () => {
  announced += 1;
});
process.on('exit', () => say({ announced, listeners: process.listenerCount('beforeExit') }));

const cases = {
  /** Nobody waits for the call. */
  async 'an idle call'() {
    registerHangingRunner();
    globalThis.kept = startStream();
    await globalThis.kept.next();
  },

  /** All calls are over. */
  async 'calls that are over'() {
    setInferenceRunner(async () => ({ text: 'hello' }));
    const { text } = await newEngine().generate(REQUEST);
    say({ text });
  },

  /** The host makes one more call when it is told. */
  async 'a call made in beforeExit'() {
    setInferenceRunner(async () => ({ text: 'last words' }));
    process.once('beforeExit', async () => {
      const { text } = await newEngine().generate(REQUEST);
      say({ text });
    });
  },

  /** A thread that does not keep the process serves the call, slowly. */
  async 'a call of another thread'() {
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads');
       const { setTimeout } = require('node:timers/promises');
       require('car-inference').setInferenceRunner(async function* () {
         for (const text of 'slowly') {
           await setTimeout(60);
           yield { type: 'text-delta', text };
         }
       });
       parentPort.on('message', () => {});
       parentPort.postMessage('registered');`,
      { eval: true },
    );
    await new Promise((resolve) => worker.once('message', resolve));
    worker.unref();
    const { text } = await newEngine().generate(REQUEST);
    say({ text });
  },

  /** The call of another thread is open, and nobody waits for it any more. */
  async 'a call of another thread that nobody awaits'() {
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads');
       require('car-inference').setInferenceRunner(async (_request, { emit }) => {
         await emit({ type: 'text-delta', text: 'first' });
         await new Promise(() => {});
       });
       parentPort.on('message', () => {});
       parentPort.postMessage('registered');`,
      { eval: true },
    );
    await new Promise((resolve) => worker.once('message', resolve));
    worker.unref();
    globalThis.kept = startStream();
    say({ text: (await globalThis.kept.next()).value.text });
  },
};

await cases[process.argv[2]]();
