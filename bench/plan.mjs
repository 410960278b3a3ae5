// What is measured, of whom, at which size and how often. A measurement has cells; a cell is one size.
import { contenders } from './contenders/index.mjs';
import { longBatchEvents, scales, slow_pace } from './scales.mjs';

const ours = ['car-generator', 'car-emitter'];
const withLog = ['car-generator-log', 'car-emitter-log'];
const libraries = ['ai-sdk', 'langchain', 'nemo-relay'];
const inOneThread = ['generator', 'floor', ...ours, ...libraries];
/** Recording is part of what an event costs. */
const inThroughput = ['generator', 'floor', ...ours, ...withLog, ...libraries];
const acrossThreads = ['floor', 'post-message', ...ours];
const packages = ['car-inference', ...libraries];
const packagesWithAddon = ['car-inference', 'nemo-relay'];

function count(number) {
  return number.toLocaleString('en');
}

function isSlow(contender) {
  return contenders[contender].pace < slow_pace;
}

function roundsOf(scale, rounds) {
  return (contender) => (isSlow(contender) ? Math.min(rounds, scale.slowRounds) : rounds);
}

function cellOf(scale, { names, rounds = scale.rounds, parameters = {}, ...labels }) {
  return { ...labels, contenders: names, leftOut: {}, rounds: roundsOf(scale, rounds), parameters: () => parameters };
}

/** Streams side by side: as many batches as a sample has time for. */
function streamsCell(scale, { names, rounds, longRounds, deltas, streams, warmUp_s, parameters, ...labels }) {
  const batchEvents = deltas * streams;
  const batchSeconds = (contender) => batchEvents / contenders[contender].pace;
  const isTooLong = (contender) => batchSeconds(contender) > scale.batch_s;
  const usual = cellOf(scale, { names, rounds: batchEvents >= longBatchEvents ? longRounds : rounds, ...labels });
  return {
    ...usual,
    contenders: names.filter((contender) => !isTooLong(contender)),
    leftOut: Object.fromEntries(
      names
        .filter(isTooLong)
        .map((contender) => [contender, `left out: about ${Math.ceil(batchSeconds(contender))} s`]),
    ),
    rounds: (contender) => (batchSeconds(contender) > scale.longBatch_s ? 1 : usual.rounds(contender)),
    column: `m = ${count(streams)}`,
    parameters: (contender) => ({
      ...parameters,
      deltas,
      streams,
      batches: Math.max(1, Math.round(scale.sample_s / batchSeconds(contender))),
      warmUpEvents: Math.ceil(Math.min(scale.warmUpEventsMax, contenders[contender].pace * warmUp_s)),
    }),
  };
}

function sizesOf(sizes) {
  // Long streams first; the keys of an object would come in ascending order.
  const lengths = Object.keys(sizes).map(Number).reverse();
  return lengths.flatMap((deltas) => sizes[deltas].map((streams) => ({ deltas, streams })));
}

/** @param names of the contenders that are measured at every size. */
export function throughputCells(scale, names) {
  return sizesOf(scale.sizes).map(({ deltas, streams }) =>
    streamsCell(scale, {
      name: `n=${deltas},m=${streams}`,
      group: `n = ${count(deltas)}`,
      names,
      rounds: scale.rounds,
      longRounds: scale.longRounds,
      warmUp_s: scale.warmUp_s,
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
          group: `${workerCount === 1 ? '1 worker' : `${workerCount} workers`}, n = ${count(deltas)}`,
          names: acrossThreads,
          rounds: scale.threadRounds,
          longRounds: 1,
          warmUp_s: scale.threadWarmUp_s,
          deltas,
          streams,
          parameters: { workerCount },
        }),
      ),
  );
}

function idleMemoryCells(scale) {
  const cell = cellOf(scale, { name: 'all', names: inOneThread, rounds: scale.memoryRounds });
  const streamsOf = (contender) => (isSlow(contender) ? scale.slowIdleStreams : scale.idleStreams);
  return [{ ...cell, parameters: (contender) => ({ streams: streamsOf(contender) }) }];
}

function wakeCells(scale) {
  return [0, scale.idleStreams / 10, scale.idleStreams].map(Math.floor).map((idleStreams) => {
    const isTooMany = (contender) => isSlow(contender) && idleStreams > scale.slowIdleStreams;
    const cell = cellOf(scale, {
      name: `idle=${idleStreams}`,
      column: `${count(idleStreams)} idle`,
      names: inOneThread.filter((contender) => !isTooMany(contender)),
      parameters: { idleStreams, events: scale.wakes },
    });
    const reason = `left out: ${count(scale.slowIdleStreams)} idle at most`;
    return { ...cell, leftOut: Object.fromEntries(inOneThread.filter(isTooMany).map((name) => [name, reason])) };
  });
}

/** A call costs about as much as so many events. */
const eventsOfCall = 20;

function callCells(scale) {
  const cell = cellOf(scale, { name: 'all', names: inOneThread });
  const warmUpCalls = (contender) => Math.ceil((contenders[contender].pace * scale.warmUp_s) / eventsOfCall);
  return [
    {
      ...cell,
      parameters: (contender) => ({
        calls: scale.calls,
        warmUpCalls: Math.min(scale.warmUpCallsMax, warmUpCalls(contender)),
      }),
    },
  ];
}

/** @param {'full' | 'quick' | 'smoke'} size */
export function plan(size) {
  const scale = scales[size];
  const single = (options) => [cellOf(scale, { name: 'all', ...options })];
  return [
    {
      name: 'throughput',
      title: 'CPU per event in one thread',
      note:
        'm streams side by side, each of n text deltas, usage and done; and how many times the floor of the same ' +
        'round. Without a spread: one round. Left out: whose single batch would take so long.',
      figures: {
        allThreads: { title: 'µs, all threads', isCompared: true },
        mainThread: { title: 'µs, main thread', isCompared: true },
      },
      cells: throughputCells(scale, inThroughput),
    },
    {
      name: 'threads',
      title: 'Runner in the main thread, consumers in workers',
      note:
        'Each side is compared with the whole floor, which does both sides in one thread and hands nothing over. ' +
        'One stream has one consumer: m = 1 is not for 2 workers.',
      figures: {
        eventsPerSecond: { title: 'events a second by the clock' },
        allThreads: { title: 'CPU µs per event, all threads' },
        mainThread: { title: 'CPU µs per event, main thread', isCompared: true },
        workers: { title: 'CPU µs per event, workers', isCompared: true },
        otherThreads: { title: 'CPU µs per event, other threads' },
      },
      cells: threadCells(scale),
    },
    {
      name: 'first-event',
      title: 'First event',
      note: 'From asking for a stream to its first event at the consumer, by the clock, one warm call after the other.',
      figures: { p50: { title: 'p50, µs' }, p99: { title: 'p99, µs' } },
      cells: callCells(scale),
    },
    {
      name: 'open-close',
      title: 'Opening and closing',
      note: 'CPU of a whole call of one text delta and done.',
      figures: { allThreads: { title: 'µs, all threads' }, mainThread: { title: 'µs, main thread' } },
      cells: callCells(scale),
    },
    {
      name: 'idle-memory',
      title: 'Memory of an idle stream',
      note:
        `What ${count(scale.idleStreams)} more of them add (${count(scale.slowIdleStreams)} of the libraries): streams that have ` +
        'delivered one event; their runners and consumers wait. After garbage collection, with unused pages given back.',
      figures: { rss: { title: 'RSS, KiB' }, heap: { title: 'JavaScript heap, KiB' } },
      cells: idleMemoryCells(scale),
    },
    {
      name: 'wake',
      title: 'One busy stream among idle ones',
      note: 'Every event of the busy stream is woken by a message and takes a turn of the event loop.',
      figures: {
        mainThread: { title: 'CPU µs per event, main thread' },
        p50: { title: 'µs between events, p50' },
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
      note: 'Size of the `.node` file: ours built for release and stripped of symbols, theirs as published.',
      figures: { size: { title: 'MB' } },
      cells: single({ names: packagesWithAddon, rounds: 1 }),
    },
  ];
}
