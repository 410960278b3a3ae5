/** Processes that are killed at any moment: what was acknowledged is in the log, and what is in the log is whole. */
import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { MODES, runRounds } from '../crash/rounds.mjs';

/** `npm run crash -- --rounds N` kills as many as one likes. */
const ROUNDS = 300;

test('what a killed process has acknowledged is there when the log is opened again, whole and in order', {
  timeout: 0,
}, async () => {
  const total = await runRounds({ rounds: ROUNDS, seed: randomInt(1, 2 ** 31) });
  expect(total.problems.join('\n')).toBe('');
  expect(total.rounds).toBe(ROUNDS);
  // A test that kills nobody in the middle of something finds nothing.
  expect(Object.keys(total.modes).sort()).toEqual([...MODES].sort());
  expect(total.killsWhileOpening).toBeGreaterThan(ROUNDS / 20);
  expect(total.killsWhileClosing).toBeGreaterThan(0);
  expect(total.endings).toBeGreaterThan(ROUNDS);
  expect(total.interrupted).toBeGreaterThan(ROUNDS / 2);
});
