// What a person reads: a line for each sample, and at the end what was judged.
import { bounds } from './verdict.mjs';

const columns = [
  ['time', 8, ({ atMs }) => `${(atMs / 1_000).toFixed(1)} s`],
  ['calls', 9, ({ calls }) => calls],
  ['done', 9, ({ statuses }) => statuses.done ?? 0],
  ['cancelled', 9, ({ statuses }) => statuses.cancelled ?? 0],
  ['failed', 8, ({ statuses }) => statuses.failed ?? 0],
  ['timeout', 7, ({ statuses }) => statuses.timeout ?? 0],
  ['open', 5, ({ openCalls }) => openCalls],
  ['events/s', 9, ({ eventRate }) => Math.round(eventRate)],
  ['RSS', 10, ({ rss }) => bytes(rss)],
  ['heap', 10, ({ heapUsed }) => bytes(heapUsed)],
  ['external', 9, ({ external }) => bytes(external)],
  ['handles', 7, ({ handles }) => handles],
  ['threads', 7, ({ threads }) => threads ?? '–'],
];

function bytes(count) {
  return `${(count / 2 ** 20).toFixed(1)} MiB`;
}

function row(cells) {
  return cells.map((cell, column) => String(cell).padStart(columns[column][1])).join(' ');
}

export function heading() {
  return row(columns.map(([title]) => title));
}

export function line(sample, previous) {
  const seconds = (sample.atMs - (previous?.atMs ?? 0)) / 1_000;
  const eventRate = (sample.events - (previous?.events ?? 0)) / seconds;
  return row(columns.map(([, , cell]) => cell({ ...sample, eventRate })));
}

export function kindTable(kinds) {
  return [...kinds]
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([name, { ended, status }]) => `  ${name.padEnd(12)} ${String(ended).padStart(9)} ${status}`)
    .join('\n');
}

export function growthLine({ metric, before, after, allowed, outcome }) {
  const isBytes = bounds[metric].fixed > 1_000;
  const shown = isBytes ? bytes : (count) => count.toFixed(1);
  const change = after - before;
  const sign = change < 0 ? '−' : '+';
  const changed = `${sign}${shown(Math.abs(change))}, at most +${shown(allowed)}`;
  return `${outcome === 'flat' ? '✓' : '✗'} ${metric.padEnd(9)} ${shown(before)} → ${shown(after)} (${changed})`;
}
