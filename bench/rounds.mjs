// All rounds of one cell. Contenders take turns, so that what disturbs the machine disturbs all of them, and each ratio is
// to the floor of the same round.
import { takeSample } from './sample.mjs';
import { summarize } from './statistics.mjs';

/** Each round begins with another contender. */
function order(names, round) {
  const first = round % names.length;
  return [...names.slice(first), ...names.slice(0, first)];
}

function summaries(samples, figures, read) {
  return Object.fromEntries(
    Object.entries(figures).flatMap(([figure, description]) => {
      const values = samples.map((sample, round) => read(sample, round, figure, description));
      return values.includes(undefined) ? [] : [[figure, summarize(values)]];
    }),
  );
}

/** @returns for each contender its figures and their ratios to the floor, or the `problem` that kept it from ending. */
export async function runCell(measurement, cell) {
  const samples = Object.fromEntries(cell.contenders.map((name) => [name, []]));
  const problems = {};
  for (let round = 0; round < cell.rounds; round += 1) {
    for (const contender of order(cell.contenders, round)) {
      if (problems[contender]) continue;
      const parameters = cell.parameters(contender);
      try {
        samples[contender].push(await takeSample({ measurement: measurement.name, contender, parameters }));
      } catch (error) {
        problems[contender] = error.message;
      }
    }
  }
  const floor = samples.floor ?? [];
  const results = cell.contenders.map((contender) => {
    if (problems[contender]) return [contender, { problem: problems[contender] }];
    const figures = summaries(samples[contender], measurement.figures, (sample, _round, figure) => sample[figure]);
    const ratios = summaries(samples[contender], measurement.figures, (sample, round, figure, { byFloor }) =>
      byFloor && floor[round] ? sample[figure] / floor[round][figure] : undefined,
    );
    return [contender, { parameters: cell.parameters(contender), figures, ratios }];
  });
  return { name: cell.name, group: cell.group, column: cell.column, contenders: Object.fromEntries(results) };
}
