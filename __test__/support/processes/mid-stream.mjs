/** One call in mid-stream, in this thread or across two, and the ways in which a process or thread can end then. */
import { InferenceEngine, setInferenceRunner } from 'car-inference';

export const say = (what) => console.log(JSON.stringify(what));

export const endings = {
  exit: () => process.exit(7),
  SIGTERM: () => process.kill(process.pid, 'SIGTERM'),
  exception: () => {
    setImmediate(() => {
      throw new Error('broken host');
    });
  },
  rejection: () => {
    Promise.reject(new Error('broken host'));
  },
};

/**
 * Registers a runner that streams one delta and goes on until it is aborted. `strike` happens in mid-stream. Resolves
 * when the runner has heard that it is to stop.
 */
export function host(strike) {
  return new Promise((resolve) => {
    setInferenceRunner(async (_request, { emit, cancelled }) => {
      await emit({ type: 'text-delta', text: 'first' });
      strike?.();
      const reason = await cancelled();
      say({ runnerHeard: reason.code });
      resolve();
    });
  });
}

/** A consumer that has got one delta and waits for the next. `strike` happens then. Answers what it catches. */
export async function consume(strike) {
  const engine = new InferenceEngine({ models: [{ id: 'm', source: { type: 'delegated' } }] });
  const stream = engine.generateTrackedStream({ model: 'm', prompt: 'hi' });
  say({ first: (await stream.next()).value.text });
  strike?.();
  return await stream.next().then(
    ({ value }) => ({ next: value }),
    ({ code, text }) => ({ consumerCaught: code, text }),
  );
}
