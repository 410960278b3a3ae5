// The command line.
import { parseArgs } from 'node:util';
import { contenders } from './contenders/index.mjs';

/** Keeps the measurements and contenders named by `--only`; all of a kind when none of it is named. */
function selection(names) {
  const isContender = (name) => Object.hasOwn(contenders, name);
  const wantedContenders = names.filter(isContender);
  const wantedMeasurements = names.filter((name) => !isContender(name));
  // The floor is what the others are compared with.
  const keepsContender = (name) => wantedContenders.length === 0 || name === 'floor' || wantedContenders.includes(name);

  return (measurements) => {
    const unknown = wantedMeasurements.filter((wanted) => !measurements.some(({ name }) => name === wanted));
    if (unknown.length > 0) {
      const known = [...measurements.map(({ name }) => name), ...Object.keys(contenders)];
      throw new Error(`--only ${unknown.join(',')}: unknown; there are ${known.join(', ')}`);
    }
    return measurements
      .filter(({ name }) => wantedMeasurements.length === 0 || wantedMeasurements.includes(name))
      .map((measurement) => ({
        ...measurement,
        cells: measurement.cells.map((cell) => ({ ...cell, contenders: cell.contenders.filter(keepsContender) })),
      }));
  };
}

export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
    },
  });
  return {
    size: values.quick ? 'quick' : 'full',
    select: selection(values.only.flatMap((names) => names.split(','))),
  };
}
