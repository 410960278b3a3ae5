// What is measured of the durable log, of whom, at which size and how often.
import { throughputCells } from '../plan.mjs';
import { contenders } from './contenders.mjs';
import { generate } from './generated.mjs';
import { questions } from './questions.mjs';
import { scales } from './scales.mjs';

const durable = ['car-relaxed', 'car-call', 'car-strict'];
const peers = ['sqlite-hundred', 'sqlite-single', 'jsonl'];
const inCost = ['floor', 'car-generator', 'car-generator-log', 'car-emitter', 'car-emitter-log'];
const module = (name) => `./log/measurements/${name}.mjs`;

function count(number) {
  return number.toLocaleString('en');
}

function cellOf({ names, rounds, parameters, ...labels }) {
  return { ...labels, contenders: names, leftOut: {}, rounds: () => rounds, parameters };
}

function sizesOf(sizes) {
  // Long calls first; the keys of an object would come in ascending order.
  const lengths = Object.keys(sizes).map(Number).reverse();
  return lengths.flatMap((deltas) => sizes[deltas].map((streams) => ({ deltas, streams })));
}

/** As many batches as a sample has time for; of slow contenders shorter calls. */
function batchesOf(scale, contender, { deltas, streams }) {
  const { pace } = contenders[contender];
  const affordable = Math.ceil((pace * scale.batch_s) / streams);
  const length = Math.min(deltas, affordable);
  return {
    deltas: length,
    streams,
    batches: Math.max(1, Math.round((pace * scale.sample_s) / (length * streams))),
    warmUpEvents: Math.ceil(pace * scale.warmUp_s),
  };
}

function sizeCells(scale, names, rounds) {
  return sizesOf(scale.sizes).map(({ deltas, streams }) =>
    cellOf({
      name: `n=${deltas},m=${streams}`,
      group: `n = ${count(deltas)}`,
      column: `m = ${count(streams)}`,
      names,
      rounds,
      parameters: (contender) => batchesOf(scale, contender, { deltas, streams }),
    }),
  );
}

function pacedCells(scale) {
  return Object.entries(scale.paced).map(([streams, deltas]) =>
    cellOf({
      name: `m=${streams}`,
      column: `m = ${count(Number(streams))}`,
      names: ['car-memory', 'car-call', 'car-strict'],
      rounds: scale.pacedRounds,
      parameters: () => ({
        streams: Number(streams),
        deltas,
        period_ms: scale.period_ms,
        warmUp_s: scale.pacedWarmUp_s,
        seconds: scale.paced_s,
      }),
    }),
  );
}

function memoryCells(scale) {
  const paces = [
    { name: 'paced', column: 'at a pace', period_ms: scale.period_ms, deltas: 40 },
    { name: 'fast', column: 'as fast as they can', deltas: 1_000 },
  ];
  return paces.map(({ name, column, ...pace }) =>
    cellOf({
      name,
      column,
      names: ['car-memory', ...durable],
      rounds: scale.pacedRounds,
      parameters: () => ({ streams: scale.memoryStreams, seconds: scale.memory_s, ...pace }),
    }),
  );
}

/** A cell for each of the two logs: without and with an index of words. */
function generatedCells(scale, calls, { names, times, rounds = scale.queryRounds }) {
  return [false, true].map((hasTextIndex) => {
    const cannot = (name) => questions[name].needsTextIndex === true && !hasTextIndex;
    const cell = cellOf({
      name: hasTextIndex ? 'text-index' : 'no-text-index',
      group: `${count(calls)} calls, ${hasTextIndex ? 'with' : 'without'} an index of words`,
      names: names.filter((name) => !cannot(name)),
      rounds,
      parameters: () => ({ calls, hasTextIndex, times }),
    });
    const leftOut = Object.fromEntries(names.filter(cannot).map((name) => [name, 'needs the index of words']));
    return { ...cell, leftOut, prepare: () => generate({ calls, hasTextIndex, profile: scale.profile }) };
  });
}

const milliseconds = { first: { title: 'first, ms' }, p50: { title: 'p50, ms' }, max: { title: 'max, ms' } };

/** @param options `calls` of the generated log, unless as many as the size has. */
export function plan(size, { calls: wantedCalls } = {}) {
  const scale = scales[size];
  const calls = wantedCalls === undefined ? scale.calls : Number(wantedCalls);
  if (!Number.isSafeInteger(calls) || calls < 1_000)
    throw new RangeError(`--calls ${wantedCalls}: at least 1000 are needed`);
  const names = Object.keys(questions);
  return [
    {
      name: 'recording',
      module: module('recording'),
      baseline: 'sqlite-hundred',
      title: 'Durable events a second',
      note:
        'm calls side by side, each of n text deltas, usage and done, until every ending is durable; and how many times ' +
        'better-sqlite3 with 100 events a transaction, of the same round. An event a transaction: shorter calls. Of relaxed, ' +
        'until a flush that syncs.',
      figures: {
        eventsPerSecond: { title: 'events a second by the clock', isCompared: true },
        mainThread: { title: 'CPU µs per event, main thread', isCompared: true },
        allThreads: { title: 'CPU µs per event, all threads', isCompared: true },
      },
      cells: sizeCells(scale, [...durable, ...peers], scale.rounds),
    },
    {
      name: 'throughput',
      module: './measurements/throughput.mjs',
      title: 'What recording costs',
      note:
        'As in `npm run bench`: CPU per event of m streams of n deltas, with the log in memory and with a durable one (call); ' +
        'and how many times the JavaScript floor of the same round. Until everything is written.',
      figures: {
        mainThread: { title: 'µs, main thread', isCompared: true },
        allThreads: { title: 'µs, all threads', isCompared: true },
      },
      cells: throughputCells(scale.cost, inCost),
    },
    {
      name: 'ending',
      module: module('ending'),
      title: 'Ending',
      note:
        `From the runner's last event to the ending at the consumer. m streams of an event every ${scale.period_ms} ms, ` +
        'whose calls end at different times.',
      figures: {
        p50: { title: 'p50, ms' },
        p99: { title: 'p99, ms' },
        max: { title: 'max, ms' },
        busy: { title: 'main thread, % of a core' },
      },
      cells: pacedCells(scale),
    },
    {
      name: 'memory',
      module: module('memory'),
      title: 'Memory',
      note: `The most that the process took beyond what it took before, while ${count(scale.memoryStreams)} streams record.`,
      figures: { rss: { title: 'RSS, MiB' }, queue: { title: 'waiting to be written, MiB' } },
      cells: memoryCells(scale),
    },
    {
      name: 'size',
      module: module('size'),
      title: 'On the disk',
      note: 'The file once it is closed, by events; and the largest that the write-ahead log was, where there is one.',
      figures: { bytesPerEvent: { title: 'bytes per event' }, walPeak: { title: 'write-ahead log, MiB' } },
      cells: sizeCells(scale, [...durable, 'sqlite-hundred', 'jsonl'], 1),
    },
    {
      name: 'open',
      module: module('open'),
      title: 'Opening',
      note: 'The file is in the memory of the operating system, as after any use.',
      figures: { ...milliseconds, size: { title: 'file, MiB' } },
      cells: generatedCells(scale, calls, {
        names: names.filter((name) => questions[name].opens),
        times: scale.openTimes,
      }),
    },
    {
      name: 'query',
      module: module('query'),
      title: 'Questions',
      note: 'From JavaScript and back. What is rare is among the oldest: the newest 50 are found last.',
      figures: milliseconds,
      cells: generatedCells(scale, calls, { names: names.filter((name) => questions[name].ask), times: scale.times }),
    },
    {
      name: 'verify',
      module: module('verify'),
      title: 'Verifying',
      note: 'Everything that a question can return is compared with the hash chain.',
      figures: {
        seconds: { title: 'seconds' },
        callsPerSecond: { title: 'calls a second' },
        throughput: { title: 'MiB a second' },
      },
      cells: generatedCells(scale, calls, { names: ['verify-all'], rounds: 1 }),
    },
  ];
}
