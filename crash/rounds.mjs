// Many files, a few at a time, until so many processes were killed.
import { MODES, ROUNDS_OF_A_SERIES, runSeries, seriesOf } from './series.mjs';

/** Files at a time: each has a process that is killed, and this one looks at what it left. */
const LANES = 3;
const COUNTS = ['killsWhileOpening', 'killsWhileClosing', 'looks', 'endings', 'interrupted'];

/**
 * Kills `rounds` processes. Stops at the first file with problems.
 *
 * @param {{ rounds: number, seed: number, mode?: string, onSeries?: (outcome: object) => void }} options
 */
export async function runRounds({ rounds, seed, mode, onSeries }) {
  const total = {
    rounds: 0,
    killsWhileOpening: 0,
    killsWhileClosing: 0,
    looks: 0,
    endings: 0,
    interrupted: 0,
    modes: {},
    problems: [],
  };
  let [next, left] = [seed, rounds];
  const lane = async () => {
    while (left > 0 && total.problems.length === 0) {
      const mine = next;
      next += 1;
      const { durability, size, options } = seriesOf(mine);
      if (mode !== undefined && mode !== durability) continue;
      const count = Math.min(left, ROUNDS_OF_A_SERIES);
      left -= count;
      const outcome = await runSeries(mine, count);
      total.rounds += outcome.kills;
      for (const name of COUNTS) total[name] += outcome[name];
      total.modes[durability] = (total.modes[durability] ?? 0) + outcome.kills;
      if (outcome.problems.length > 0) total.problems.push(shown(mine, durability, outcome));
      onSeries?.({ seed: mine, durability, size, options, ...outcome });
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return total;
}

function shown(seed, durability, { kills, problems, folder }) {
  const PROBLEMS_SHOWN = 12;
  const more = problems.length > PROBLEMS_SHOWN ? [`… and ${problems.length - PROBLEMS_SHOWN} more`] : [];
  const lines = [...problems.slice(0, PROBLEMS_SHOWN), ...more, `the files are in ${folder}`];
  const again = `npm run crash -- --seed ${seed} --rounds ${ROUNDS_OF_A_SERIES}`;
  return `durability ${durability}, after ${kills} kills:\n  ${lines.join('\n  ')}\n  again: ${again}`;
}

export { MODES };
