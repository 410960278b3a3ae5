/** What a process or thread of its own can be told to do with a durable log. Errors come back as data. */
import { EventLog, InferenceEngine, setInferenceRunner } from 'car-inference';

/** A runner that says the prompt back, so that a call's answer is known. */
export const echo = {
  async *run({ prompt }) {
    yield { type: 'text-delta', text: prompt };
  },
};

let log;
let engine;

const commands = {
  async open({ path, options }) {
    setInferenceRunner(echo);
    log = await EventLog.open(path, options);
    engine = new InferenceEngine({ models: [{ id: 'm', source: { type: 'delegated' } }], eventLog: log });
  },
  call: async (prompt) => (await engine.generate({ model: 'm', prompt })).traceId,
  textOf: async (traceId) => (await log.call(traceId))?.text,
  close: () => log.close(),
};

/** @returns {Promise<{ value?: unknown, error?: { name: string, reason?: string, message: string } }>} */
export async function obey({ command, argument }) {
  try {
    return { value: await commands[command](argument) };
  } catch ({ name, reason, message }) {
    return { error: { name, reason, message } };
  }
}
