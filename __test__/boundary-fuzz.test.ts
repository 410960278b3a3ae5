/** Whatever a runner does and whatever its consumer does: what the model says is seen, and nothing else. */
import { randomInt } from 'node:crypto';
import { InferenceEngine, setInferenceRunner } from 'car-inference';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countUnforgotten } from './support/fuzz/garbage';
import { program } from './support/fuzz/programs';
import { World } from './support/fuzz/world';

/** Programs to run at least; the programs of a batch run at once over one engine. */
const PROGRAMS = Number(process.env.CAR_INFERENCE_FUZZ_PROGRAMS ?? 10_000);
const SEED = Number(process.env.CAR_INFERENCE_FUZZ_SEED ?? randomInt(2 ** 31));
/** Where in that seed's programs a failure was, as it was printed; undefined runs them all. */
const PATH = process.env.CAR_INFERENCE_FUZZ_PATH;
const BATCH_MAX = 16;
const BATCHES = 100;
/** A batch takes milliseconds; one that takes so long hangs. */
const PATIENCE_MS = 30_000;
/** Once something has failed, that is made smaller, which takes many tries. */
const SHORT_PATIENCE_MS = 2_000;

test('any programs of runners and their consumers are seen as the model says', { timeout: 0 }, async () => {
  const warnings: unknown[] = [];
  process.on('warning', (warning) => warnings.push(warning));
  let programs = 0;
  const batch = fc.array(program, { minLength: 1, maxLength: BATCH_MAX, size: 'max' });
  let failedAfter: number | undefined;
  const property = fc.asyncProperty(batch, async (batched) => {
    programs += batched.length;
    try {
      await new World(batched).run(failedAfter === undefined ? PATIENCE_MS : SHORT_PATIENCE_MS);
    } catch (error) {
      failedAfter ??= programs;
      throw error;
    }
  });
  for (let seed = SEED; programs < PROGRAMS; seed += 1) {
    const path = PATH === undefined ? {} : { path: PATH };
    const run = await fc.check(property, { seed, numRuns: BATCHES, ...path });
    if (run.failed) {
      const { counterexamplePath, errorInstance, numShrinks } = run;
      const cause = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
      const again = `CAR_INFERENCE_FUZZ_SEED=${seed} CAR_INFERENCE_FUZZ_PATH=${counterexamplePath}`;
      throw new Error(
        `${cause}\nafter ${failedAfter} programs, shrunk ${numShrinks} times; again: ${again} npm test -- boundary-fuzz`,
      );
    }
    expect(await countUnforgotten(), `calls of seed ${seed} that somebody still holds`).toBe(0);
    if (PATH !== undefined) return;
  }
  expect(programs).toBeGreaterThanOrEqual(PROGRAMS);
  expect(warnings).toEqual([]);

  setInferenceRunner(async () => ({ text: 'still here' }));
  const engine = new InferenceEngine({ models: [{ id: 'model', source: { type: 'delegated' } }] });
  expect((await engine.generate({ prompt: 'hi' })).text).toBe('still here');
  setInferenceRunner(null);
});
