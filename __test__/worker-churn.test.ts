/**
 * Many threads come and go in mid-stream, several at a time. `CAR_INFERENCE_CHURN` says how many; continuous integration
 * runs the few, and whoever changes how threads are cleaned up runs 1,000.
 */
import { describe, expect, test } from 'vitest';
import { nodes, run, saidBy } from './support/child-process';

const WORKERS = Number(process.env.CAR_INFERENCE_CHURN ?? 54);
const AT_ONCE = 3;
/** Far more than a thread needs on a busy machine. */
const WORKER_MS_MAX = 1_000;

describe.each(nodes())('under %s', (node) => {
  test(
    `${WORKERS} threads terminated in all phases of their calls leave the process as it was`,
    async () => {
      const exit = await run('churn.mjs', { node, args: [String(WORKERS), String(AT_ONCE)] });
      expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
      expect(saidBy(exit)).toEqual([{ served: WORKERS, listeners: 1 }]);
    },
    10_000 + WORKERS * WORKER_MS_MAX,
  );
});
