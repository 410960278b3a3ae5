// This package: its log in memory, or a durable one in one of its modes.
import { EventLog, InferenceEngine, setInferenceRunner } from 'car-inference';

/** @param settings `durability`: what endings wait for; absent for the log in memory. */
export async function create({ durability }, file, works) {
  setInferenceRunner((request) => works[request.prompt].pull());
  const eventLog = durability && (await EventLog.open(file, { durability }));
  const engine = new InferenceEngine({ models: [{ id: 'bench', source: { type: 'delegated' } }], eventLog });
  return {
    open: (work) => engine.generateTrackedStream({ model: 'bench', prompt: work }),
    // Of the others an ending is what they promise once it has come.
    settle: () => (durability === 'relaxed' ? eventLog.flush() : undefined),
    queuedBytes: async () => (eventLog ? (await eventLog.stats()).queuedBytes : 0),
    close: async () => {
      await engine.close('drain');
      await eventLog?.close();
    },
  };
}
