// What is measured, of whom, at which size and how often. A measurement has cells; a cell is one size.
import { contenders } from './contenders/index.mjs';

const inOneThread = ['generator', 'floor', 'car-generator', 'car-emitter'];
const withAddon = ['car-inference'];

/** Rounds of a cell, and how much CPU time one sample of it shall take. */
const scales = {
  full: {
    rounds: 5,
    sample_s: 0.4,
    batch_s: 15,
    firstEventCalls: 10_000,
    openCloseCalls: 20_000,
    loadRounds: 15,
    wakeEvents: 50_000,
  },
  quick: {
    rounds: 3,
    sample_s: 0.15,
    batch_s: 2,
    firstEventCalls: 5_000,
    openCloseCalls: 5_000,
    loadRounds: 11,
    wakeEvents: 20_000,
  },
};

/** One size of the throughput. A contender that cannot do one batch in `batch_s` is left out of this cell. */
function throughputCell(scale, deltas, streams) {
  const batchEvents = deltas * streams;
  const parameters = (contender) => ({
    deltas,
    streams,
    batches: Math.max(1, Math.round((contenders[contender].pace * scale.sample_s) / batchEvents)),
    warmUpEvents: Math.min(100_000, contenders[contender].pace * scale.sample_s),
  });
  return {
    name: `n=${deltas},m=${streams}`,
    group: `n = ${deltas}`,
    column: `m = ${streams.toLocaleString('en')}`,
    contenders: inOneThread.filter((contender) => batchEvents / contenders[contender].pace <= scale.batch_s),
    rounds: scale.rounds,
    parameters,
  };
}

function throughputCells(scale) {
  const cells = [];
  for (const deltas of [1_000, 100]) {
    for (const streams of [1, 100, 1_000, 10_000]) cells.push(throughputCell(scale, deltas, streams));
  }
  return cells.filter((cell) => cell.contenders.includes('floor'));
}

function one(rounds, names, parameters = {}) {
  return [{ name: 'all', contenders: names, rounds, parameters: () => parameters }];
}

/** @param {'full' | 'quick'} size */
export function plan(size) {
  const scale = scales[size];
  return [
    {
      name: 'throughput',
      title: 'CPU per event, one thread',
      figures: {
        allThreads: { title: 'all threads, µs', byFloor: true },
        mainThread: { title: 'main thread, µs', byFloor: true },
      },
      cells: throughputCells(scale),
    },
    {
      name: 'first-event',
      title: 'First event',
      figures: { p50: { title: 'p50, µs' }, p99: { title: 'p99, µs' } },
      cells: one(scale.rounds, inOneThread, { calls: scale.firstEventCalls, warmUpCalls: 5_000 }),
    },
    {
      name: 'open-close',
      title: 'A call of one delta and done, from request to end',
      figures: { allThreads: { title: 'all threads, µs' }, mainThread: { title: 'main thread, µs' } },
      cells: one(scale.rounds, inOneThread, { calls: scale.openCloseCalls, warmUpCalls: 5_000 }),
    },
    {
      name: 'idle-memory',
      title: 'Memory of an idle stream, 10,000 open',
      figures: { rss: { title: 'RSS, KiB' }, heap: { title: 'JavaScript heap, KiB' } },
      cells: one(3, inOneThread, { streams: 10_000 }),
    },
    {
      name: 'wake',
      title: 'One busy stream among idle ones, woken for every event',
      figures: {
        mainThread: { title: 'CPU per event, main thread, µs' },
        p50: { title: 'gap between events, p50, µs' },
        p99: { title: 'gap between events, p99, µs' },
        loopDelayP99: { title: 'event-loop delay, p99, ms' },
      },
      cells: [0, 1_000, 10_000].map((idleStreams) => ({
        name: `idle=${idleStreams}`,
        column: `${idleStreams.toLocaleString('en')} idle`,
        contenders: inOneThread.filter((contender) => contender !== 'generator'),
        rounds: scale.rounds,
        parameters: () => ({ idleStreams, events: scale.wakeEvents }),
      })),
    },
    {
      name: 'load',
      title: 'Loading',
      figures: { require: { title: 'require, ms' } },
      cells: one(scale.loadRounds, withAddon),
    },
    {
      name: 'addon-size',
      title: 'Native addon',
      figures: { size: { title: 'size, MB' } },
      cells: one(1, withAddon),
    },
  ];
}
