// What the command line says: how long, how much, in which order of chance.
import { parseArgs } from 'node:util';

const usage = `npm run soak -- [options]
  --minutes N   how long the load runs (default 3; fractions are fine)
  --calls N     stop after so many calls even if there is time left
  --size S      how much runs at once: full (default) or small
  --seed N      the order of chance (default: the time); printed, so that a run can be repeated
  --every S     seconds between two lines (default: a sixtieth of the time, from 0.5 to 10)`;

function positive(name, text) {
  const value = Number(text);
  if (!(value > 0)) throw new TypeError(`--${name} must be a positive number, got ${text}\n${usage}`);
  return value;
}

/** @returns {{ durationMs: number, callsMax: number, seed: number, everyMs: number, size: 'full' | 'small' }} */
export function readOptions(args) {
  const text = { type: 'string' };
  const { values } = parseArgs({ args, options: { minutes: text, calls: text, seed: text, every: text, size: text } });
  const durationMs = positive('minutes', values.minutes ?? '3') * 60_000;
  const size = values.size ?? 'full';
  if (!['full', 'small'].includes(size)) throw new TypeError(`--size must be full or small, got ${size}\n${usage}`);
  const everyMs = values.every === undefined ? durationMs / 60 : positive('every', values.every) * 1_000;
  return {
    ...{ durationMs, size },
    callsMax: values.calls === undefined ? Number.POSITIVE_INFINITY : positive('calls', values.calls),
    seed: values.seed === undefined ? Date.now() % 2 ** 32 : positive('seed', values.seed),
    everyMs: values.every === undefined ? Math.min(10_000, Math.max(500, everyMs)) : everyMs,
  };
}
