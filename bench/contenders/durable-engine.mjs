// This package, with a durable log as a host opens it who sets nothing.
import { join } from 'node:path';
import { EventLog, InferenceEngine } from 'car-inference';
import { freshFolder } from '../temporary.mjs';

/** `settle` resolves once everything recorded is written, so that all of its cost is seen. */
export async function connect() {
  const eventLog = await EventLog.open(join(freshFolder(), 'calls.db'));
  const engine = new InferenceEngine({ models: [{ id: 'bench', source: { type: 'delegated' } }], eventLog });
  return {
    open: (work) => engine.generateTrackedStream({ model: 'bench', prompt: work }),
    settle: () => eventLog.flush(),
  };
}
