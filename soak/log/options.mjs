// What the command line of the saturation run says.
import { parseArgs } from 'node:util';

export const durabilities = ['relaxed', 'call', 'strict', 'event'];
export const syncs = ['normal', 'slow'];

const usage = `npm run soak -- --log [options]
  --seconds N       how long each log is saturated (default 60)
  --durability D    only these, with commas between them: ${durabilities.join(', ')} (default: all, one after the other)
  --sync S          only ${syncs.join(' or ')} syncs (default: both)
  --sync-ms N       by how many milliseconds a slow sync is slower (default 20)
  --callers N       calls at a time (default 64)`;

function positive(name, text) {
  const value = Number(text);
  if (!(value > 0)) throw new TypeError(`--${name} must be a positive number, got ${text}\n${usage}`);
  return value;
}

function some(name, text, known) {
  const chosen = text === undefined ? known : text.split(',');
  const unknown = chosen.find((one) => !known.includes(one));
  if (unknown !== undefined) throw new TypeError(`--${name} takes ${known.join(', ')}; got ${unknown}\n${usage}`);
  return chosen;
}

export function readOptions(args) {
  const text = { type: 'string' };
  const { values } = parseArgs({
    args,
    options: { log: { type: 'boolean' }, seconds: text, durability: text, sync: text, 'sync-ms': text, callers: text },
  });
  return {
    durationMs: positive('seconds', values.seconds ?? '60') * 1_000,
    durabilities: some('durability', values.durability, durabilities),
    syncs: some('sync', values.sync, syncs),
    syncMs: positive('sync-ms', values['sync-ms'] ?? '20'),
    callers: Math.ceil(positive('callers', values.callers ?? '64')),
  };
}
