// The Node programs that are looked at: those that the tests of processes use, the demo, and mixed load.
import { readdirSync } from 'node:fs';
import { nodeFlags } from '../../soak/node-flags.mjs';
import { inProject } from '../project.mjs';

const processes = '__test__/support/processes';
/** How those end that do not end with 0. */
const codes = { 'at-exit.mjs': 3, 'endings.mjs': 7, 'exit-mid-stream.mjs': 7, 'throw-mid-stream.mjs': 1 };
/** What those do that play several scenes. */
const scenes = {
  'before-exit.mjs': ['a call made in beforeExit'],
  'contexts.cjs': ['cached', 'runners are shared'],
  'endings.mjs': ['one thread', 'consumer', 'exit'],
  'huge-values.mjs': ['what is thrown'],
};
/** No program by themselves: a module, one that waits for a signal from outside, one that is given two installations. */
const notAlone = new Set(['setup.mjs', 'shut-down.mjs', 'two-installations.cjs']);

/** @typedef {{ name: string, args: string[], code: number }} Program */

/** @returns {Program[]} */
function processPrograms() {
  return readdirSync(inProject(processes))
    .filter((file) => /\.[cm]js$/.test(file) && !notAlone.has(file))
    .map((file) => ({ name: file, args: [`${processes}/${file}`, ...(scenes[file] ?? [])], code: codes[file] ?? 0 }));
}

/** Every kind of call that the soak knows, cancelled and failing ones and threads that come and go among them. */
function mixed(calls, size) {
  const args = [...nodeFlags, 'soak/main.mjs'];
  return {
    name: `mixed load, ${calls} calls`,
    args: [...args, '--minutes', '10', '--calls', String(calls), '--size', size, '--seed', '1', '--every', '5'],
    code: 0,
  };
}

/** @returns {Program[]} */
export function programsForLeakSanitizer() {
  return [...processPrograms(), { name: 'demo', args: ['examples/demo.mjs'], code: 0 }, mixed(2_000, 'full')];
}

/** Everything takes fifty times as long under valgrind. */
export function programsForValgrind() {
  return [...processPrograms(), mixed(60, 'small')];
}
