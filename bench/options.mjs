// The command line.
import { parseArgs } from 'node:util';

const optionsWithFile = ['--json', '--from'];

/** `--json` and `--from` may do without a file name, which parseArgs does not know. */
function withDefaultFile(args, defaultFile) {
  return args.flatMap((argument, index) => {
    const next = args[index + 1];
    const lacksFile = optionsWithFile.includes(argument) && (next === undefined || next.startsWith('--'));
    return lacksFile ? [argument, defaultFile] : [argument];
  });
}

/** Keeps the measurements and contenders that `--only` names; all of a kind when it names none of it. */
function selection(names, contenders) {
  const isContender = (name) => Object.hasOwn(contenders, name);
  const wantedContenders = names.filter(isContender);
  const wantedMeasurements = names.filter((name) => !isContender(name));
  const cellsOf = ({ cells, baseline = 'floor' }) => {
    // What the others are compared with stays.
    const keeps = (name) => wantedContenders.length === 0 || name === baseline || wantedContenders.includes(name);
    return cells
      .map((cell) => ({
        ...cell,
        contenders: cell.contenders.filter(keeps),
        leftOut: Object.fromEntries(Object.entries(cell.leftOut).filter(([name]) => keeps(name))),
      }))
      .filter((cell) => cell.contenders.length > 0);
  };

  return (measurements) => {
    const known = measurements.map(({ name }) => name);
    const unknown = wantedMeasurements.filter((wanted) => !known.includes(wanted));
    if (unknown.length > 0) {
      const choice = [...known, ...Object.keys(contenders)].join(', ');
      throw new RangeError(`--only ${unknown.join(',')}: there is no such thing; there are ${choice}`);
    }
    return measurements
      .filter(({ name }) => wantedMeasurements.length === 0 || wantedMeasurements.includes(name))
      .map((measurement) => ({ ...measurement, cells: cellsOf(measurement) }))
      .filter(({ cells }) => cells.length > 0);
  };
}

/** @throws RangeError when two options contradict each other. */
function checkTogether({ quick, smoke, only, from, markdown }, markdownFile) {
  const isPart = quick || smoke || only.length > 0;
  if (quick && smoke) throw new RangeError('--quick and --smoke are two sizes: give one');
  if (from !== undefined && isPart) {
    throw new RangeError('--from shows an earlier run: it goes with --json and --markdown only');
  }
  if (markdown && isPart) {
    throw new RangeError(
      `--markdown writes ${markdownFile}, which holds whole runs: it goes with --json and --from only`,
    );
  }
}

/** @throws TypeError or RangeError that says what is wrong with an argument. */
export function readOptions(args, { contenders, plan, resultsFile, markdown, options = {} }) {
  const { values } = parseArgs({
    args: withDefaultFile(args, resultsFile),
    options: {
      quick: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      json: { type: 'string' },
      from: { type: 'string' },
      markdown: { type: 'boolean', default: false },
      ...options,
    },
  });
  checkTogether(values, markdown.name);
  const size = ['quick', 'smoke'].find((name) => values[name]) ?? 'full';
  const select = selection(
    values.only.flatMap((names) => names.split(',')),
    contenders,
  );
  return {
    size,
    measurements: select(plan(size, values)),
    jsonFile: values.json,
    fromFile: values.from,
    writesMarkdown: values.markdown,
  };
}
