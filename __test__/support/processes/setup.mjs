/** What every script of this folder begins with. */
import { InferenceEngine, setInferenceRunner } from 'car-inference';

export function newEngine(options = {}) {
  return new InferenceEngine({ models: [{ id: 'gpt-5', source: { type: 'delegated', hint: 'openai' } }], ...options });
}

/** One delta, then nothing until the call is cancelled, which nobody does. */
export function registerHangingRunner() {
  return setInferenceRunner(async (_request, { emit, signal }) => {
    await emit({ type: 'text-delta', text: 'first' });
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  });
}

export function startStream(options) {
  return newEngine(options).generateTrackedStream({ model: 'gpt-5', prompt: 'hi' });
}
