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

function highest(candidates) {
  return candidates.toSorted((a, b) => b.value - a.value)[0];
}

function lowest(candidates) {
  return candidates.toSorted((a, b) => a.value - b.value)[0];
}

function ratiosTo(results, measurement, contender, figure) {
  return cellsOf(results, measurement, contender).flatMap(({ name, ratios }) =>
    ratios[figure] ? [{ value: ratios[figure].median, where: name }] : [],
  );
}

/** How far from their middle the medians of all m lie, in percent, for each n. */
function unevenness(results, contender) {
  const groups = Map.groupBy(cellsOf(results, 'throughput', contender), ({ group }) => group);
  return [...groups].map(([group, cells]) => {
    const medians = cells.map(({ figures }) => figures.allThreads.median);
    const [low, high] = [Math.min(...medians), Math.max(...medians)];
    return { value: (100 * (high - low)) / (high + low), where: group };
  });
}

function growthOfWake(results, contender) {
  const cells = cellsOf(results, 'wake', contender);
  const medianOf = (wanted) => cells.find(({ name }) => name === wanted)?.figures.mainThread.median;
  const value = medianOf('idle=10000') / medianOf('idle=0');
  return Number.isNaN(value) ? undefined : { value };
}

function medianOf(results, measurement, contender, figure) {
  const [cell] = cellsOf(results, measurement, contender);
  return cell && { value: cell.figures[figure].median };
}

function goalsOf(contender) {
  return [
    {
      title: `${contender}: CPU per event by the floor's, at the worst size`,
      limit: { max: 0.75, unit: '×' },
      find: (results) => highest(ratiosTo(results, 'throughput', contender, 'allThreads')),
    },
    {
      title: `${contender}: CPU per event the same for every m, ±`,
      limit: { max: 25, unit: '%' },
      find: (results) => highest(unevenness(results, contender)),
    },
    {
      title: `${contender}: first event, p50`,
      limit: { max: 5, unit: 'µs' },
      find: (results) => medianOf(results, 'first-event', contender, 'p50'),
    },
    {
      title: `${contender}: RSS of an idle stream`,
      limit: { max: 4, unit: 'KiB' },
      find: (results) => medianOf(results, 'idle-memory', contender, 'rss'),
    },
    {
      title: `${contender}: CPU of a wake among 10,000 idle streams by that among none`,
      limit: { max: 1.25, unit: '×' },
      find: (results) => growthOfWake(results, contender),
    },
    {
      title: `${contender}: events a second across threads, at the worst size`,
      limit: { min: 500_000, unit: '/s' },
      find: (results) =>
        lowest(
          cellsOf(results, 'threads', contender).map(({ name, figures }) => ({
            value: figures.eventsPerSecond.median,
            where: name,
          })),
        ),
    },
    ...['mainThread', 'workers'].map((side) => ({
      title: `${contender}: CPU per event across threads by the floor's, ${side === 'workers' ? 'workers' : 'main thread'}`,
      limit: { max: 1.5, unit: '×' },
      find: (results) => highest(ratiosTo(results, 'threads', contender, side)),
    })),
  ];
}

const goals = [
  ...ours.flatMap(goalsOf),
  {
    title: 'require',
    limit: { max: 15, unit: 'ms' },
    find: (results) => medianOf(results, 'load', 'car-inference', 'require'),
  },
  {
    title: 'size of the stripped addon',
    limit: { max: 8, unit: 'MB' },
    find: (results) => medianOf(results, 'addon-size', 'car-inference', 'size'),
  },
];

/** @returns the goals that this run can judge. */
export function judge(results) {
  return goals.flatMap(({ title, limit, find }) => {
    const found = find(results);
    if (found === undefined) return [];
    const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = limit;
    return [{ title, limit, ...found, outcome: found.value >= min && found.value <= max ? 'met' : 'missed' }];
  });
}
