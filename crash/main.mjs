// The crash test itself, in a process of its own: `npm run crash` starts it with what options.mjs reads.
import { readOptions } from './options.mjs';
import { runRounds } from './rounds.mjs';

const options = readOptions(process.argv.slice(2));
console.log(`crash: ${options.rounds} rounds, --seed ${options.seed}, node ${process.versions.node}`);
const startedAt = performance.now();
let kills = 0;
const onSeries = ({ seed, durability, size, endings, interrupted, problems, ...outcome }) => {
  kills += outcome.kills;
  const mark = problems.length === 0 ? '✓' : '✗';
  const time = `${((performance.now() - startedAt) / 1_000).toFixed(1)} s`;
  const counts = `${String(endings).padStart(6)} endings delivered, ${String(interrupted).padStart(4)} calls interrupted`;
  console.log(`${mark} ${String(kills).padStart(6)} kills, ${time}: seed ${seed}, ${durability}, ${size}: ${counts}`);
};
const { problems, rounds, endings, interrupted, killsWhileOpening, killsWhileClosing } = await runRounds({
  ...options,
  onSeries,
});
for (const problem of problems) console.log(`\n${problem}`);
const verdict = problems.length === 0 ? 'passed' : 'failed';
console.log(
  `crash: ${verdict}: ${rounds} rounds, ${killsWhileOpening} while opening, ${killsWhileClosing} while closing, ${endings} endings delivered, ${interrupted} calls interrupted`,
);
process.exit(problems.length === 0 ? 0 : 1);
