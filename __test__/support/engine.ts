/** The engine that most tests use: one model of one hint. */
import { InferenceEngine, type InferenceEngineOptions } from 'car-inference';

export const MODEL = { id: 'gpt-5', source: { type: 'delegated', hint: 'openai' } } as const;
export const REQUEST = { model: 'gpt-5', prompt: 'hi' } as const;

export function newEngine(options: InferenceEngineOptions = {}): InferenceEngine {
  return new InferenceEngine({ models: [MODEL], ...options });
}
