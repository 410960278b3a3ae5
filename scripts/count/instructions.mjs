// How many instructions an event and a call take in Rust, counted by valgrind's callgrind: the same each time, whatever
// else the machine does. Compared with instructions.json, within a tolerance.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { capture } from '../command.mjs';
import { findValgrind } from '../memory/tools.mjs';
import { inProject } from '../project.mjs';

const example = 'count-instructions';
const table = inProject('scripts', 'count', 'instructions.json');
/** What more times cost more is what each of them costs. */
const [few, many] = [1_024, 9_216];
/** By how much a count may differ from the table: made by the same compiler with the same C library, or by others. */
const tolerances_percent = { same: 5, other: 25 };
/** The table's rows, and the work of the example that each counts. */
const works = {
  'a text delta': 'text-delta',
  'a reasoning delta': 'reasoning-delta',
  'a tool call delta': 'tool-call-delta',
  'a text delta for another thread': 'buffered',
  'a call of one text delta': 'call',
};

/**
 * Without glibc's fast bins: when it merges what lies in them depends on where the heap happens to begin, which moved the
 * row `a text delta for another thread` by 5 % from run to run.
 */
const environment = { ...process.env, GLIBC_TUNABLES: 'glibc.malloc.mxfast=0' };

async function count(work, times) {
  const folder = inProject('target', 'count');
  mkdirSync(folder, { recursive: true });
  // Where each function's share can be looked up: `callgrind_annotate target/count/text-delta-9216`.
  const out = `--callgrind-out-file=${folder}/${work}-${times}`;
  const program = inProject('target', 'release', 'examples', example);
  const args = ['--tool=callgrind', out, program, work, String(times)];
  const { code, output } = await capture('valgrind', args, { env: environment });
  const collected = /Collected : (\d+)/.exec(output)?.[1];
  if (code !== 0 || collected === undefined) throw new Error(`${work} under callgrind ended with ${code}:\n${output}`);
  return Number(collected);
}

/** What the count depends on besides the sources. */
async function toolsOfThis() {
  const { stdout } = await capture('rustc', ['--version']);
  const { glibcVersionRuntime } = process.report.getReport().header;
  return { rustc: stdout.trim(), glibc: glibcVersionRuntime ?? 'none', architecture: process.arch };
}

function compare(row, known, found, tolerance_percent) {
  if (known === undefined) return { row, found, problem: 'not in the table; `npm run count -- --record` adds it' };
  const difference_percent = (100 * (found - known)) / known;
  const isWithin = Math.abs(difference_percent) <= tolerance_percent;
  const verdict = difference_percent > 0 ? 'more than before' : 'fewer than before; `npm run count -- --record`';
  return { row, known, found, difference_percent, problem: isWithin ? undefined : verdict };
}

function line({ row, known, found, difference_percent, problem }) {
  const share = difference_percent === undefined ? '' : ` ${difference_percent.toFixed(1)} %`;
  return `  ${row}: ${found} instructions, ${known ?? 'none'} in the table${share}${problem ? ` ✗ ${problem}` : ''}`;
}

async function countAll() {
  const found = {};
  for (const [row, work] of Object.entries(works)) {
    const [less, more] = await Promise.all([count(work, few), count(work, many)]);
    found[row] = Math.round((more - less) / (many - few));
  }
  return found;
}

/** @param {'compare' | 'record'} what to do with the table. */
export async function countInstructions(what) {
  const { missing } = await findValgrind();
  if (missing) return { outcome: 'skipped', detail: missing };
  const known = JSON.parse(readFileSync(table, 'utf8'));
  const tools = await toolsOfThis();
  if (what === 'compare' && tools.architecture !== known.tools.architecture) {
    return { outcome: 'skipped', detail: `the table is of ${known.tools.architecture}, this is ${tools.architecture}` };
  }
  const build = ['build', '--release', '-p', 'car-inference', '--example', example];
  const target = { ...process.env, CARGO_TARGET_DIR: inProject('target') };
  const { code, output } = await capture('cargo', build, { env: target });
  if (code !== 0) return { outcome: 'failed', detail: output };

  const found = await countAll();
  if (what === 'record') writeFileSync(table, `${JSON.stringify({ tools, instructions: found }, undefined, 2)}\n`);
  const { instructions } = what === 'record' ? { instructions: found } : known;
  const isSame = tools.rustc === known.tools.rustc && tools.glibc === known.tools.glibc;
  const tolerance_percent = tolerances_percent[isSame ? 'same' : 'other'];
  const rows = Object.keys(works).map((row) => compare(row, instructions[row], found[row], tolerance_percent));
  const lines = rows.map(line).join('\n');
  if (rows.some(({ problem }) => problem)) {
    return { outcome: 'failed', detail: `${lines}\n  tolerance ${tolerance_percent} %` };
  }
  console.log(lines);
  const note = isSame ? '' : `; the table is by ${known.tools.rustc} and glibc ${known.tools.glibc}`;
  return { outcome: 'passed', detail: what === 'record' ? 'recorded' : `within ${tolerance_percent} %${note}` };
}
