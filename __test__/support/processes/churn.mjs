// Threads are created and terminated in every phase of their calls, some at a time, while calls of this thread go on.
import { deepStrictEqual } from 'node:assert';
import { InferenceEngine, setInferenceRunner } from 'car-inference';
import { TERMINATIONS, terminateIn } from '../terminations.mjs';

const [, , total, atOnce] = process.argv.map(Number);
const engine = new InferenceEngine({ models: [{ id: 'm', source: { type: 'delegated' } }] });
setInferenceRunner(async function* () {
  for (const text of ['still ', 'here']) yield { type: 'text-delta', text };
});

let next = 0;
let served = 0;
async function churn() {
  while (next < total) {
    const [role, phase, seen] = TERMINATIONS[next % TERMINATIONS.length];
    next += 1;
    // The process-wide runner would answer for a runner that is gone.
    const expected = role === 'runner' && phase === 'before the first pull' ? { done: 'still here' } : seen;
    deepStrictEqual(await terminateIn(role, phase), { ...expected, isFree: true }, `${role}, ${phase}`);
    deepStrictEqual((await engine.generate({ prompt: 'hi' })).text, 'still here');
    served += 1;
  }
}
await Promise.all(Array.from({ length: atOnce }, churn));
await engine.close('drain');
console.log(JSON.stringify({ served, listeners: process.listenerCount('beforeExit') }));
