// This package, with the engine a host gets who sets nothing: its default policy and its default log.
import { InferenceEngine, setInferenceRunner } from 'car-inference';

/** @param runner answers a request whose prompt names the work. */
export function createEngine(runner) {
  setInferenceRunner(runner);
  const engine = new InferenceEngine({ models: [{ id: 'bench', source: { type: 'delegated' } }] });
  return { open: (work) => engine.generateTrackedStream({ model: 'bench', prompt: work }) };
}
