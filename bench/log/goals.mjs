// The goals of the durable log, each judged by the medians of one run.
import { cellsOf, highest, judgeBy, lowest, ratiosTo } from '../findings.mjs';
import { goalsWithLog } from '../goals.mjs';
import { quantile } from '../statistics.mjs';
import { questions } from './questions.mjs';

const durable = ['car-relaxed', 'car-call', 'car-strict'];
const bytesOfGigabyte = 1e9;
const bytesOfMebibyte = 1024 ** 2;

/** How much more a contender takes than another, of the same round, at each size. */
function differences(results, figure, contender, other) {
  const others = cellsOf(results, 'throughput', other);
  return cellsOf(results, 'throughput', contender).flatMap(({ name, figures }) => {
    const beside = others.find((cell) => cell.name === name)?.figures[figure].samples;
    if (beside === undefined) return [];
    const each = figures[figure].samples.map((sample, round) => sample - beside[round]).sort((a, b) => a - b);
    return [{ value: quantile(each, 0.5), where: name }];
  });
}

function mediansOf(results, measurement, contenders, figure) {
  return contenders.flatMap((contender) =>
    cellsOf(results, measurement, contender).map(({ name, figures }) => ({
      value: figures[figure].median,
      where: `${contender}, ${name}`,
      figures,
    })),
  );
}

const goals = [
  ...durable.map((contender) => ({
    title: `${contender}: durable events a second by better-sqlite3's with 100 a transaction, at the worst size`,
    limit: { min: 2, unit: '×' },
    find: (results) => lowest(ratiosTo(results, 'recording', contender, 'eventsPerSecond')),
  })),
  ...['car-generator', 'car-emitter'].flatMap((contender) => [
    {
      title: `${contender}: recording an event, main thread, at the worst size`,
      limit: { max: 0.2, unit: 'µs' },
      find: (results) => highest(differences(results, 'mainThread', `${contender}-log`, contender)),
    },
    ...goalsWithLog(`${contender}-log`),
  ]),
  {
    title: 'car-call: ending at 1,000 streams, p99',
    limit: { max: 10, unit: 'ms' },
    find: (results) =>
      mediansOf(results, 'ending', ['car-call'], 'p99').find(({ where }) => where === 'car-call, m=1000'),
  },
  {
    title: 'newest 50, by any filter',
    limit: { max: 20, unit: 'ms' },
    find: (results) => {
      const lists = Object.keys(questions).filter((name) => questions[name].isList);
      return highest(mediansOf(results, 'query', lists, 'p50'));
    },
  },
  {
    title: 'opening a log of 1 GB or more',
    limit: { max: 50, unit: 'ms' },
    find: (results) =>
      highest(
        mediansOf(results, 'open', ['open-write', 'open-read'], 'p50').filter(
          ({ figures }) => figures.size.median * bytesOfMebibyte >= bytesOfGigabyte,
        ),
      ),
  },
];

/** @returns the goals that this run can judge. */
export function judge(results) {
  return judgeBy(goals, results);
}
