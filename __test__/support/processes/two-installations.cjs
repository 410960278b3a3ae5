// Two folders of the package in one process, and a thread that loads the first. Says what each finds of the other's.
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');

const [, , ...folders] = process.argv;
const copies = folders.map((folder) => require(folder));
const say = (what) => console.log(JSON.stringify(what));
const MODEL = { id: 'm', source: { type: 'delegated' } };
const ask = ({ InferenceEngine }) =>
  new InferenceEngine({ models: [MODEL] }).generate({ model: 'm', prompt: 'hi' }).then(
    ({ text }) => text,
    ({ code, message }) => ({ code, message }),
  );

(async () => {
  for (const { setInferenceRunner } of copies) {
    const registration = setInferenceRunner(async () => ({ text: 'from here' }));
    say({ here: await Promise.all(copies.map(ask)) });
    registration.dispose();
  }

  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     require(workerData).setInferenceRunner(async function* () {
       for (const text of ['from ', 'the ', 'thread']) yield { type: 'text-delta', text };
     });
     parentPort.on('message', () => {});
     parentPort.postMessage('registered');`,
    { eval: true, workerData: folders[0] },
  );
  await once(worker, 'message');
  say({ thread: await Promise.all(copies.map(ask)) });
  await worker.terminate();

  const [one, two] = copies;
  const error = await ask(one).then(() => new one.InferenceEngine().generate({}).catch((error) => error));
  say({ instanceOf: error instanceof two.InvalidRequestError });
})();
