// ES modules find every name without a default import.
import * as carInference from 'car-inference';
import { InferenceEngine, RunnerDeclinedError, setInferenceRunner } from 'car-inference';

setInferenceRunner(() => {
  throw new RunnerDeclinedError('not here');
});
try {
  await new InferenceEngine({ models: [{ id: 'm', source: { type: 'delegated' } }] }).generate({
    model: 'm',
    prompt: 'hi',
  });
} catch (error) {
  console.log(error.code, error instanceof RunnerDeclinedError, process.versions.node);
}
const names = Object.keys(carInference).filter((name) => !/^(__esModule|default|module\.exports)$/.test(name));
console.log(names.sort().join(' '));
