// A process with a durable log, and the ways in which it ends. Arguments: the case, the log's path, its durability.
import { Worker } from 'node:worker_threads';
import { EventLog, setInferenceRunner } from 'car-inference';
import { say } from './mid-stream.mjs';
import { newEngine } from './setup.mjs';

const [what, path, durability] = process.argv.slice(2);
const REQUEST = { model: 'gpt-5', prompt: 'hi' };

async function* answer() {
  for (const text of 'abcdefghij') yield { type: 'text-delta', text };
}

async function record(engine, count) {
  for (let number = 0; number < count; number += 1) {
    const { traceId } = await engine.generate({ ...REQUEST, clientRef: String(number) });
    say({ recorded: traceId });
  }
}

async function opened(options) {
  setInferenceRunner(answer);
  const log = await EventLog.open(path, { durability, ...options });
  return { log, engine: newEngine({ eventLog: log }) };
}

const cases = {
  /** Nothing but what is asked of the log keeps the process. */
  async 'questions only'() {
    const { log, engine } = await opened();
    await record(engine, 60);
    let calls = 0;
    for await (const _call of log.calls()) calls += 1;
    let events = 0;
    for await (const { traceId } of log.calls({ limit: 1 })) {
      for await (const _event of log.events(traceId)) events += 1;
    }
    await log.flush();
    const { ok } = await log.verify();
    await log.prune({ maxCalls: 50 });
    await log.checkpoint(new Uint8Array(32));
    for await (const { type } of log.tail({ from: 'start' })) {
      say({ tail: type });
      break;
    }
    say({ calls, events, ok, left: (await log.stats()).calls });
    await log.close();
    say('closed');
  },

  /** Nobody closes anything. */
  async 'runs out'() {
    const { engine } = await opened();
    await record(engine, 20);
  },

  /** The same of an engine that opened it. */
  async 'runs out, by path'() {
    setInferenceRunner(answer);
    await record(newEngine({ eventLog: path }), 20);
  },

  /** Right after the last ending. */
  async 'process.exit()'() {
    const { engine } = await opened();
    await record(engine, 20);
    process.exit(3);
  },

  async 'an exception'() {
    const { engine } = await opened();
    await record(engine, 20);
    setImmediate(() => {
      throw new Error('broken host');
    });
  },

  /** In the middle of a call. */
  async 'runs out in mid-call'() {
    const { engine } = await opened();
    setInferenceRunner(async (_request, { emit, signal }) => {
      await emit({ type: 'text-delta', text: 'first' });
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    });
    globalThis.kept = engine.generateTrackedStream(REQUEST);
    say({ first: (await globalThis.kept.next()).value.text, recorded: globalThis.kept.traceId });
  },

  /** What waits for records keeps no process, but for a tail whose pull somebody awaits. */
  async 'is watched'() {
    const seen = [];
    const checkpoint = { key: new Uint8Array(32), everyMs: 1, onCheckpoint: () => {} };
    const { log, engine } = await opened({ checkpoint, observe: (batch) => seen.push(...batch) });
    log.observe(() => {});
    const tail = log.tail();
    await record(engine, 3);
    say({ tail: (await tail.next()).value.type });
    globalThis.kept = [log, tail];
  },

  /** A tail that is left while it waits keeps it no longer. */
  async 'a tail is left while it waits'() {
    const { log } = await opened();
    const tail = log.tail();
    const pull = tail.next();
    await log.stats();
    say(await tail.return());
    say(await pull);
  },

  /** Its observer is at work when there is nothing else. */
  async 'an observer stops itself'() {
    const { log, engine } = await opened();
    const heard = new Promise((resolve) => {
      const stop = log.observe((batch) => {
        stop();
        resolve(batch.length > 0);
      });
    });
    await record(engine, 1);
    const timer = setTimeout(() => {}, 2 ** 30);
    say({ heard: await heard });
    clearTimeout(timer);
  },

  /** A thread is terminated with an open log, while others go on. */
  async 'a thread is terminated'() {
    const worker = new Worker(
      `const { parentPort, workerData: { path, durability } } = require('node:worker_threads');
       const { EventLog, InferenceEngine, setInferenceRunner } = require('car-inference');
       (async () => {
         setInferenceRunner(async () => ({ text: 'theirs' }), { hint: 'theirs' });
         const log = await EventLog.open(path, { durability });
         const models = [{ id: 'theirs', source: { type: 'delegated', hint: 'theirs' } }];
         const engine = new InferenceEngine({ models, eventLog: log });
         log.observe(() => {});
         const tail = log.tail();
         const { traceId } = await engine.generate({ model: 'theirs', prompt: 'hi' });
         await tail.next();
         const pull = tail.next();
         globalThis.kept = [log, engine, tail, pull];
         parentPort.postMessage(traceId);
         setInterval(() => {}, 1000);
       })();`,
      { eval: true, workerData: { path, durability } },
    );
    say({ recorded: await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)) });
    await worker.terminate();
    const { log, engine } = await opened();
    await record(engine, 2);
    await log.close();
    say('closed');
  },
};

await cases[what]();
