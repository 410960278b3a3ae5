// A thread of consumers: opens as many streams as it is told and answers with what each of them holds here.
import { parentPort } from 'node:worker_threads';
import { InferenceEngine } from 'car-inference';
import { engineOptions } from './cases.mjs';
import { census, openIdle } from './idle-census.mjs';

const engine = new InferenceEngine(engineOptions);
const open = () => engine.generateTrackedStream({ model: 'counted', prompt: 'hi' });

parentPort.on('message', async (streams) => {
  parentPort.postMessage(await census(streams, () => openIdle(open, streams)));
});
