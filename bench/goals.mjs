// The goals, each judged by the medians of one run. They are told, not enforced: no exit code depends on them.
const ours = ['car-generator', 'car-emitter'];

/** The results of one contender in all cells of a measurement that have it. */
function cellsOf(results, measurement, contender) {
  const cells = results.find(({ name }) => name === measurement)?.cells ?? [];
  return cells.flatMap(({ name, group, contenders }) => {
    const found = contenders[contender];
    return found?.figures ? [{ name, group, ...found }] : [];
  });
}

function worst(candidates) {
  return candidates.reduce(
    (worse, each) => (worse === undefined || each.value > worse.value ? each : worse),
    undefined,
  );
}

function ratioGoal(contender) {
  return {
    title: `${contender}: CPU per event by the floor's, worst size`,
    max: 0.75,
    unit: '×',
    find: (results) =>
      worst(
        cellsOf(results, 'throughput', contender).map(({ name, ratios }) => ({
          value: ratios.allThreads?.median,
          where: name,
        })),
      ),
  };
}

/** How far the medians of all m lie from their middle. */
function evennessGoal(contender) {
  return {
    title: `${contender}: CPU per event the same for every m, widest`,
    max: 25,
    unit: '%',
    find: (results) => {
      const groups = Map.groupBy(cellsOf(results, 'throughput', contender), ({ group }) => group);
      return worst(
        [...groups].map(([group, cells]) => {
          const medians = cells.map(({ figures }) => figures.allThreads.median);
          const [low, high] = [Math.min(...medians), Math.max(...medians)];
          return { value: (100 * (high - low)) / (high + low), where: group };
        }),
      );
    },
  };
}

function figureGoal(measurement, contender, figure, title, max, unit) {
  const find = (results) => {
    const [cell] = cellsOf(results, measurement, contender);
    return cell && { value: cell.figures[figure].median };
  };
  return { title: `${contender}: ${title}`, max, unit, find };
}

function wakeGoal(contender) {
  return {
    title: `${contender}: CPU of a wake with 10,000 idle streams by that with none`,
    max: 1.25,
    unit: '×',
    find: (results) => {
      const cells = cellsOf(results, 'wake', contender);
      const medianOf = (wanted) => cells.find(({ name }) => name === wanted)?.figures.mainThread.median;
      const value = medianOf('idle=10000') / medianOf('idle=0');
      return Number.isNaN(value) ? undefined : { value };
    },
  };
}

const goals = [
  ...ours.map(ratioGoal),
  ...ours.map(evennessGoal),
  ...ours.map((contender) => figureGoal('first-event', contender, 'p50', 'first event, p50', 5, 'µs')),
  ...ours.map((contender) => figureGoal('idle-memory', contender, 'rss', 'RSS of an idle stream', 4, 'KiB')),
  ...ours.map(wakeGoal),
  figureGoal('load', 'car-inference', 'require', 'require', 15, 'ms'),
  figureGoal('addon-size', 'car-inference', 'size', 'size of the addon', 8, 'MB'),
];

/** @returns the goals that this run can judge. */
export function judge(results) {
  return goals.flatMap(({ title, max, unit, find }) => {
    const found = find(results);
    if (found?.value === undefined) return [];
    return [{ title, max, unit, ...found, outcome: found.value <= max ? 'met' : 'missed' }];
  });
}
