// This package, with the engine a host gets who sets nothing: its default policy and its default log.
import { InferenceEngine } from 'car-inference';

/** A request's prompt names the work. */
export function connect() {
  const engine = new InferenceEngine({ models: [{ id: 'bench', source: { type: 'delegated' } }] });
  return { open: (work) => engine.generateTrackedStream({ model: 'bench', prompt: work }) };
}
