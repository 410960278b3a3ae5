// Deno's main thread: its runner answers the calls of a worker.
import { setInferenceRunner } from 'car-inference';

setInferenceRunner(async function* ({ prompt }) {
  for (let delta = 0; delta < 100; delta += 1) {
    if (delta % 25 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    yield { type: 'text-delta', text: delta === 0 ? prompt : '.' };
  }
});
const worker = new Worker(new URL('./consumer.mjs', import.meta.url), { type: 'module' });
worker.onmessage = ({ data }) => {
  console.log(JSON.stringify(data));
  worker.terminate();
};
worker.onerror = ({ message }) => console.log(JSON.stringify({ message }));
worker.postMessage({ path: Deno.args[0] });
