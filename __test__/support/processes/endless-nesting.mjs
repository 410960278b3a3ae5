// Runners that call the engine for the model they serve, without end: says how deep that went and what ended it.
import { setImmediate as turn } from 'node:timers/promises';
import { InferenceEngine, setInferenceRunner } from 'car-inference';

const models = [{ id: 'gpt-5', source: { type: 'delegated' } }];

async function descend(name, options, wait, about = (depth) => depth) {
  const engine = new InferenceEngine({ models, ...options });
  let depth = 0;
  let innermost;
  setInferenceRunner(async (request) => {
    depth += 1;
    if (wait !== undefined) await wait();
    try {
      await engine.generate(request);
    } catch (error) {
      innermost ??= error;
    }
  });
  await engine.generate({ prompt: 'hi' });
  console.log(JSON.stringify([name, about(depth), innermost?.limit]));
}

await descend('at once', {});
await descend('after an await, with a bound of its own', { limits: { nestedCallsMax: 4 } }, turn);
await descend('after an await', {}, turn, (depth) => (depth < 3000 ? 'bounded' : depth));
