// What the command line says: how many processes are killed, in which order of chance.
import { parseArgs } from 'node:util';
import { MODES } from './series.mjs';

const usage = `npm run crash -- [options]
  --rounds N   how many processes are killed (default 300)
  --seed N     the order of chance (default: the time); printed, so that a run can be repeated
  --mode M     only this durability: ${MODES.join(', ')} (default: all in turn)`;

function positive(name, text) {
  const value = Number(text);
  if (!(Number.isSafeInteger(value) && value > 0)) {
    throw new TypeError(`--${name} must be a positive integer, got ${text}\n${usage}`);
  }
  return value;
}

/** @returns {{ rounds: number, seed: number, mode: string | undefined }} */
export function readOptions(args) {
  const text = { type: 'string' };
  const { values } = parseArgs({ args, options: { rounds: text, seed: text, mode: text } });
  if (values.mode !== undefined && !MODES.includes(values.mode)) {
    throw new TypeError(`--mode must be one of ${MODES.join(', ')}, got ${values.mode}\n${usage}`);
  }
  return {
    rounds: positive('rounds', values.rounds ?? '300'),
    seed: values.seed === undefined ? 1 + (Date.now() % 2 ** 31) : positive('seed', values.seed),
    mode: values.mode,
  };
}
