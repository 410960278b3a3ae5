// All rounds of one cell. Contenders take turns, so that what disturbs the machine disturbs all of them, and each ratio is
// to the baseline of the same round: the floor, unless the measurement names another.
import { takeSample } from './sample.mjs';
import { summarize } from './statistics.mjs';

/** Each round begins with another contender. */
function turnsOf(cell) {
  const names = cell.contenders;
  const rounds = Math.max(...names.map(cell.rounds));
  return Array.from({ length: rounds }, (_, round) => {
    const first = round % names.length;
    const turns = [...names.slice(first), ...names.slice(0, first)];
    return turns.filter((contender) => round < cell.rounds(contender));
  }).flat();
}

function summarizeFigures(names, samples, read) {
  return Object.fromEntries(names.map((figure) => [figure, summarize(samples.map((_, round) => read(round, figure)))]));
}

/** What one contender achieved; `baseline` are the samples it is compared with, when the cell has them. */
function resultOf(figures, samples, baseline) {
  const compared = baseline ? Object.keys(figures).filter((figure) => figures[figure].isCompared) : [];
  return {
    figures: summarizeFigures(Object.keys(figures), samples, (round, figure) => samples[round][figure]),
    ratios: summarizeFigures(compared, samples, (round, figure) => samples[round][figure] / baseline[round][figure]),
  };
}

/**
 * @returns for each contender its figures and their ratios to the baseline, or the `problem` that kept it from ending, or that
 *   it is `leftOut`.
 */
export async function runCell(measurement, cell) {
  const samples = Object.fromEntries(cell.contenders.map((contender) => [contender, []]));
  const problems = {};
  for (const contender of turnsOf(cell)) {
    if (contender in problems) continue;
    try {
      const parameters = cell.parameters(contender);
      samples[contender].push(await takeSample({ measurement, contender, parameters }));
    } catch (error) {
      problems[contender] = error.message;
    }
  }
  const { baseline = 'floor' } = measurement;
  const compared = baseline in problems ? undefined : samples[baseline];
  const results = cell.contenders.map((contender) => [
    contender,
    contender in problems
      ? { problem: problems[contender] }
      : { parameters: cell.parameters(contender), ...resultOf(measurement.figures, samples[contender], compared) },
  ]);
  const leftOut = Object.entries(cell.leftOut).map(([contender, reason]) => [contender, { leftOut: reason }]);
  const { name, group, column } = cell;
  return { name, group, column, contenders: Object.fromEntries([...results, ...leftOut]) };
}
