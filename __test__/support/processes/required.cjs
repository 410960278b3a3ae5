// CommonJS sees the same package.
const carInference = require('car-inference');
const { InferenceEngine, RunnerDeclinedError, setInferenceRunner } = carInference;

setInferenceRunner(async (_request, emitter) => {
  await emitter.emit({ type: 'text-delta', text: 'hello' });
});
new InferenceEngine({ models: [{ id: 'm', source: { type: 'delegated' } }] })
  .generate({ model: 'm', prompt: 'hi' })
  .then(async ({ text }) => {
    const imported = await import('car-inference');
    console.log(text, imported.RunnerDeclinedError === RunnerDeclinedError, process.versions.node);
    console.log(
      Object.keys(carInference)
        .filter((name) => name !== '__esModule')
        .sort()
        .join(' '),
    );
  });
