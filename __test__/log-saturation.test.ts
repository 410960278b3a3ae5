/**
 * A log that one process keeps as busy as it can, in every durability at once: no lock within the process fails it, and no call
 * that was acknowledged is lost. A minute of the same is `npm run soak -- --log`.
 */
import { expect, test } from 'vitest';
import { durabilities } from '../soak/log/options.mjs';
import { saturateInProcess } from '../soak/log/runs.mjs';
import { whyNotSlowed } from '../soak/log/slow-sync.mjs';

const load = { durabilities, durationMs: 5_000, callers: 8 };

function expectNothingLost(reports: Awaited<ReturnType<typeof saturateInProcess>>): void {
  expect(reports.map(({ durability, problems, refused }) => ({ durability, problems, refused }))).toEqual(
    durabilities.map((durability) => ({ durability, problems: [], refused: 0 })),
  );
  for (const { calls } of reports) expect(calls).toBeGreaterThan(0);
}

test('a log that is never idle loses and refuses nothing while it is read, searched, pruned and copied', {
  timeout: 120_000,
}, async () => {
  expectNothingLost(await saturateInProcess(load));
});

test.skipIf(whyNotSlowed() !== undefined)(
  'nor does it on a disk whose syncs are slow',
  { timeout: 120_000 },
  async () => {
    expectNothingLost(await saturateInProcess({ ...load, slowSyncMs: 20 }));
  },
);
