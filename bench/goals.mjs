// The goals, each judged by the medians of one run.
import { cellsOf, highest, judgeBy, lowest, medianOf, ratiosTo } from './findings.mjs';

const ours = ['car-generator', 'car-emitter'];
const withLog = ['car-generator-log', 'car-emitter-log'];

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

const limitsWithLog_times = { mainThread: 0.9, allThreads: 1.25 };

export function goalsWithLog(contender) {
  return Object.entries(limitsWithLog_times).map(([figure, max]) => ({
    title: `${contender}: CPU per event by the floor's, ${figure === 'mainThread' ? 'main thread' : 'all threads'}`,
    limit: { max, unit: '×' },
    find: (results) => highest(ratiosTo(results, 'throughput', contender, figure)),
  }));
}

const goals = [
  ...ours.flatMap(goalsOf),
  ...withLog.flatMap(goalsWithLog),
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
  return judgeBy(goals, results);
}
