// What is measured, of whom, at which size and how often. A measurement has cells; a cell is one size.
import { contenders } from './contenders/index.mjs';

const ours = ['car-generator', 'car-emitter'];
const libraries = ['ai-sdk', 'langchain', 'nemo-relay'];
const inOneThread = ['generator', 'floor', ...ours, ...libraries];
const acrossThreads = ['floor', 'post-message', ...ours];
const packages = ['car-inference', ...libraries];
const packagesWithAddon = ['car-inference', 'nemo-relay'];

/** Below this pace a contender gets fewer rounds. */
const slow_pace = 100_000;
const warmUpEventsMax = 100_000;
/** From here on one batch takes so long that its samples are steady: fewer rounds do. */
const longBatchEvents = 5_000_000;

/**
 * `sample_s`: CPU time that one sample shall take. `batch_s`: a contender whose single batch would take longer is left
 * out of the cell. `sizes`: deltas of a stream, and streams side by side.
 */
const scales = {
  full: {
    rounds: 5,
    slowRounds: 2,
    longRounds: 2,
    sample_s: 0.4,
    batch_s: 14,
    calls: 10_000,
    loads: 15,
    wakes: 50_000,
    sizes: { 1000: [1, 100, 1_000, 10_000], 100: [1, 100, 1_000, 10_000] },
    threadSizes: { 1000: [1, 100, 1_000], 100: [100, 1_000, 10_000] },
    threadRounds: 3,
  },
  quick: {
    rounds: 2,
    slowRounds: 1,
    longRounds: 1,
    sample_s: 0.15,
    batch_s: 1.8,
    calls: 5_000,
    loads: 11,
    wakes: 20_000,
    sizes: { 1000: [1, 100], 100: [1, 100, 1_000, 10_000] },
    threadSizes: { 100: [100, 1_000] },
    threadRounds: 1,
  },
};

function roundsOf(scale, rounds) {
  return (contender) => (contenders[contender].pace < slow_pace ? Math.min(rounds, scale.slowRounds) : rounds);
}

function cellOf(scale, { names, rounds = scale.rounds, parameters = {}, ...labels }) {
  return { ...labels, contenders: names, rounds: roundsOf(scale, rounds), parameters: () => parameters };
}

/** Streams side by side: as many batches as a sample has time for. */
function streamsCell(scale, { names, rounds, deltas, streams, parameters, ...labels }) {
  const batchEvents = deltas * streams;
  const batchSeconds = (contender) => batchEvents / contenders[contender].pace;
  return {
    ...cellOf(scale, { names, rounds: batchEvents >= longBatchEvents ? scale.longRounds : rounds, ...labels }),
    contenders: names.filter((contender) => batchSeconds(contender) <= scale.batch_s),
    column: `m = ${streams.toLocaleString('en')}`,
    parameters: (contender) => ({
      ...parameters,
      deltas,
      streams,
      batches: Math.max(1, Math.round(scale.sample_s / batchSeconds(contender))),
      warmUpEvents: Math.min(warmUpEventsMax, contenders[contender].pace * scale.sample_s),
    }),
  };
}

function sizesOf(sizes) {
  // Long streams first; the keys of an object would come in ascending order.
  const lengths = Object.keys(sizes).map(Number).reverse();
  return lengths.flatMap((deltas) => sizes[deltas].map((streams) => ({ deltas, streams })));
}

function throughputCells(scale) {
  return sizesOf(scale.sizes).map(({ deltas, streams }) =>
    streamsCell(scale, {
      name: `n=${deltas},m=${streams}`,
      group: `n = ${deltas.toLocaleString('en')}`,
      names: inOneThread,
      rounds: scale.rounds,
      deltas,
      streams,
    }),
  );
}

function threadCells(scale) {
  return [1, 2].flatMap((workerCount) =>
    sizesOf(scale.threadSizes)
      .filter(({ streams }) => streams >= workerCount)
      .map(({ deltas, streams }) =>
        streamsCell(scale, {
          name: `workers=${workerCount},n=${deltas},m=${streams}`,
          group: `${workerCount === 1 ? '1 worker' : `${workerCount} workers`}, n = ${deltas.toLocaleString('en')}`,
          names: acrossThreads,
          rounds: scale.threadRounds,
          deltas,
          streams,
          parameters: { workerCount },
        }),
      ),
  );
}

function wakeCells(scale) {
  return [0, 1_000, 10_000].map((idleStreams) =>
    cellOf(scale, {
      name: `idle=${idleStreams}`,
      column: `${idleStreams.toLocaleString('en')} idle`,
      names: inOneThread,
      parameters: { idleStreams, events: scale.wakes },
    }),
  );
}

/** @param {'full' | 'quick'} size */
export function plan(size) {
  const scale = scales[size];
  const single = (options) => [cellOf(scale, { name: 'all', ...options })];
  return [
    {
      name: 'throughput',
      title: 'CPU per event in one thread',
      note: 'm streams side by side, each of n text deltas, usage and done; and how many times the floor of the same round.',
      figures: {
        allThreads: { title: 'µs, all threads', isComparedWithFloor: true },
        mainThread: { title: 'µs, main thread', isComparedWithFloor: true },
      },
      cells: throughputCells(scale),
    },
    {
      name: 'threads',
      title: 'Runner in the main thread, consumers in workers',
      note: 'Each side is compared with the whole floor, which does both sides in one thread and hands nothing over.',
      figures: {
        eventsPerSecond: { title: 'events a second by the clock' },
        mainThread: { title: 'CPU µs per event, main thread', isComparedWithFloor: true },
        workers: { title: 'CPU µs per event, workers', isComparedWithFloor: true },
        otherThreads: { title: 'CPU µs per event, other threads' },
      },
      cells: threadCells(scale),
    },
    {
      name: 'first-event',
      title: 'First event',
      note: 'From the request to the first event at the consumer, by the clock, one call after the other.',
      figures: { p50: { title: 'p50, µs' }, p99: { title: 'p99, µs' } },
      cells: single({ names: inOneThread, parameters: { calls: scale.calls, warmUpCalls: 5_000 } }),
    },
    {
      name: 'open-close',
      title: 'Opening and closing',
      note: 'CPU of a whole call of one text delta and done.',
      figures: { allThreads: { title: 'µs, all threads' }, mainThread: { title: 'µs, main thread' } },
      cells: single({ names: inOneThread, parameters: { calls: scale.calls, warmUpCalls: 5_000 } }),
    },
    {
      name: 'idle-memory',
      title: 'Memory of an idle stream',
      note: '10,000 streams that have delivered one event; their runners and consumers wait. After garbage collection.',
      figures: { rss: { title: 'RSS, KiB' }, heap: { title: 'JavaScript heap, KiB' } },
      cells: single({ names: inOneThread, parameters: { streams: 10_000 } }),
    },
    {
      name: 'wake',
      title: 'One busy stream among idle ones',
      note: 'Every event of the busy stream is woken by a message and takes a turn of the event loop.',
      figures: {
        mainThread: { title: 'CPU µs per event, main thread' },
        p99: { title: 'µs between events, p99' },
        loopDelayP99: { title: 'event-loop delay ms, p99' },
      },
      cells: wakeCells(scale),
    },
    {
      name: 'load',
      title: 'Loading',
      note: 'The first `require` of a process.',
      figures: { require: { title: 'ms' } },
      cells: [{ ...single({ names: packages })[0], rounds: () => scale.loads }],
    },
    {
      name: 'addon-size',
      title: 'Native addon',
      note: 'Size of the `.node` file.',
      figures: { size: { title: 'MB' } },
      cells: single({ names: packagesWithAddon, rounds: 1 }),
    },
  ];
}
