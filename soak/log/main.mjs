// `npm run soak -- --log`: saturates a log in every durability, with syncs as they are and with slow ones, and judges.
import { readOptions } from './options.mjs';
import { saturateInProcess } from './runs.mjs';
import { whyNotSlowed } from './slow-sync.mjs';

const { durationMs, durabilities, syncs, syncMs, callers } = readOptions(process.argv.slice(2));
const MiB = 2 ** 20;
const why = whyNotSlowed();

const columns = [
  ['durability', 10, ({ durability }) => durability],
  ['sync', 9, ({ sync }) => sync],
  ['calls', 9, ({ calls }) => calls],
  ['calls/s', 9, ({ callsPerSecond }) => Math.round(callsPerSecond)],
  ['refused', 8, ({ refused }) => refused],
  ['longest wait', 13, ({ longestMs }) => `${Math.round(longestMs)} ms`],
  ['WAL max', 10, ({ walBytesMax }) => `${(walBytesMax / MiB).toFixed(1)} MiB`],
  ['WAL median', 11, ({ walBytesMedian }) => `${(walBytesMedian / MiB).toFixed(1)} MiB`],
  ['reads', 7, ({ reads }) => reads],
  ['searches', 9, ({ searches }) => searches],
  ['backups', 8, ({ backups }) => backups],
];
const row = (cells) => cells.map((cell, column) => String(cell).padStart(columns[column][1])).join(' ');

/** How large the write-ahead log was over time, from left to right. */
function sparkline(walBytes) {
  const bars = '▁▂▃▄▅▆▇█';
  const largest = Math.max(...walBytes, 1);
  return walBytes.map((bytes) => bars[Math.min(bars.length - 1, Math.floor((bytes / largest) * bars.length))]).join('');
}

console.log(
  `log saturation: ${durationMs / 1_000} s each, ${callers} callers, beside readers, search, retention and backups`,
);
console.log(row(columns.map(([title]) => title)));
let failures = 0;
for (const sync of syncs) {
  if (sync === 'slow' && why !== undefined) {
    console.log(`– slow syncs: skipped, ${why}`);
    continue;
  }
  const slowSyncMs = sync === 'slow' ? syncMs : undefined;
  for (const durability of durabilities) {
    const [report] = await saturateInProcess({ durabilities: [durability], durationMs, callers, slowSyncMs });
    const shown = { ...report, sync: slowSyncMs === undefined ? sync : `+${slowSyncMs} ms` };
    console.log(row(columns.map(([, , cell]) => cell(shown))));
    console.log(`           WAL over time ${sparkline(report.walBytes)}`);
    for (const problem of report.problems) console.log(`✗ ${problem}`);
    failures += report.problems.length;
  }
}
console.log(`log saturation: ${failures === 0 ? 'passed' : 'failed'}`);
process.exit(failures === 0 ? 0 : 1);
