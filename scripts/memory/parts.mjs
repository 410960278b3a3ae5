// What npm run test:memory looks at, each part under one tool.
import { capture, stream } from '../command.mjs';
import { inProject, toolEnvironment } from '../project.mjs';
import { isOurs } from './findings.mjs';
import { underLeakSanitizer } from './leak-sanitizer.mjs';
import { programsForLeakSanitizer, programsForValgrind } from './programs.mjs';
import { underValgrind } from './valgrind.mjs';

const findings_shown = 10;

/** Turns what a tool saw into an outcome; `counts` says which findings do. */
function judge({ code, expected = 0, output = '', processes }, counts = isOurs) {
  const findings = processes.flat().filter(counts);
  const details = findings.slice(0, findings_shown).map(({ what, stack }) => `${what}\n${stack}\n`);
  if (code !== expected) details.push(`${output.trimEnd()}\nended with ${code} instead of ${expected}`);
  if (processes.length === 0) details.push('no process was looked at');
  if (details.length > 0) return { outcome: 'failed', detail: `${details.join('\n')}\n${findings.length} findings` };
  const others = processes.flat().length;
  return {
    outcome: 'passed',
    detail: `processes looked at: ${processes.length}, findings that are not ours: ${others}`,
  };
}

const everyFinding = () => true;

/**
 * The core's tests but for doc tests, which are programs that the compiler runs. Not under LeakSanitizer: preloaded into a
 * Rust program it crashes before `main`, and valgrind finds leaks too.
 */
const coreTests = {
  name: 'core tests (valgrind)',
  async check() {
    const result = await underValgrind('core', (command) => {
      const config = `target."cfg(all())".runner = ${JSON.stringify(command)}`;
      return capture('cargo', ['test', '-p', 'car-inference', '--lib', '--tests', '--config', config]);
    });
    // Nothing but our code and the standard library runs there.
    return judge(result, everyFinding);
  },
};

/** @param {(name: string, work: Function) => Promise<object>} under */
function programParts(tool, programs, under) {
  return programs.map(({ args, code: expected, name }) => ({
    name: `${name} (${tool})`,
    async check() {
      return judge({ ...(await under(name, args)), expected });
    },
  }));
}

export function leakSanitizerParts(library) {
  const env = (extra) => ({ env: toolEnvironment(extra) });
  return [
    ...programParts('lsan', programsForLeakSanitizer(), (name, args) =>
      underLeakSanitizer(library, name, (extra) => capture('node', args, env(extra))),
    ),
    {
      name: 'every JavaScript test (lsan)',
      async check() {
        // Vitest ends its processes with a signal, on which nothing would be looked at.
        const NODE_OPTIONS = `--import=${inProject('scripts', 'memory', 'exit-on-sigterm.mjs')}`;
        const CAR_INFERENCE_FUZZ_PROGRAMS = '1000'; // Each is slower, and a leak shows long before.
        return judge(
          await underLeakSanitizer(library, 'vitest', (extra) =>
            stream(
              'vitest',
              ['run', '--testTimeout=60000'],
              env({ ...extra, NODE_OPTIONS, CAR_INFERENCE_FUZZ_PROGRAMS }),
            ),
          ),
        );
      },
    },
  ];
}

export function valgrindParts() {
  return [
    coreTests,
    ...programParts('valgrind', programsForValgrind(), (name, args) =>
      underValgrind(name, ([valgrind, ...options]) =>
        capture(valgrind, [...options, inProject('node_modules', 'node', 'bin', 'node'), ...args], {
          env: toolEnvironment(),
        }),
      ),
    ),
  ];
}
