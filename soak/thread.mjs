// What runs in a thread of the load: a runner for others, or consumers of others' runners.
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { setInferenceRunner } from 'car-inference';
import { engineFor } from './kinds/engines.mjs';
import { brief, play } from './kinds/index.mjs';
import { Random } from './random.mjs';
import { runner, runs } from './runner.mjs';
import { Tally } from './tally.mjs';

const lanes = 3;

function serve({ hint }) {
  const registration = setInferenceRunner(runner, { hint });
  parentPort.on('message', async (message) => {
    if (message === 'exit') process.exit(0);
    registration.dispose();
    while (runs.begun !== runs.finished) await sleep(1);
    parentPort.close();
  });
  parentPort.postMessage('ready');
}

async function consume({ calls, models, seed }) {
  const random = new Random(seed);
  const engine = engineFor([...models, 'nowhere']);
  const places = models.map((model) => ({ engine, model, random, pause: sleep }));
  let left = calls;
  const lane = async () => {
    while (left-- > 0) {
      const tally = new Tally();
      await play(random.of(brief), random.of(places), tally, 'consumer in a thread');
      const { events, kinds, mismatchCount, mismatches } = tally;
      parentPort.postMessage({ events, kinds, mismatchCount, mismatches });
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

if (workerData.role === 'runner') serve(workerData);
else await consume(workerData);
