/** Whatever a runner does and whatever its consumer does: what the model says is seen, and nothing else. */
import { randomInt } from 'node:crypto';
import { InferenceEngine, setInferenceRunner } from 'car-inference';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { program } from './support/fuzz/program';
import { World } from './support/fuzz/world';

/**
 * Programs to run at least; the programs of a batch run at once over one engine. Asked for by hand until the model agrees
 * with the engine about every program.
 */
const PROGRAMS = Number(process.env.CAR_INFERENCE_FUZZ_PROGRAMS ?? 0);
const SEED = Number(process.env.CAR_INFERENCE_FUZZ_SEED ?? randomInt(2 ** 31));
const BATCH_MAX = 16;
const BATCHES = 100;
/** A batch takes milliseconds; one that takes so long hangs. */
const BATCH_TIMEOUT_MS = 5_000;

test.runIf(PROGRAMS > 0)(
  'any programs of runners and their consumers are seen as the model says',
  { timeout: 0 },
  async () => {
    const warnings: unknown[] = [];
    process.on('warning', (warning) => warnings.push(warning));
    let programs = 0;
    const batch = fc.array(program, { minLength: 1, maxLength: BATCH_MAX, size: 'max' });
    const property = fc.asyncProperty(batch, async (programs_) => {
      programs += programs_.length;
      await new World(programs_).run();
    });
    for (let seed = SEED; programs < PROGRAMS; seed += 1) {
      await fc.assert(property, { seed, numRuns: BATCHES, timeout: BATCH_TIMEOUT_MS });
    }
    expect(warnings).toEqual([]);

    setInferenceRunner(async () => ({ text: 'still here' }));
    const engine = new InferenceEngine({ models: [{ id: 'model', source: { type: 'delegated' } }] });
    expect((await engine.generate({ prompt: 'hi' })).text).toBe('still here');
    setInferenceRunner(null);
  },
);
