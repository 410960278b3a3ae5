// Running things under LeakSanitizer.
import { leakSanitizerFindings } from './findings.mjs';
import { Reports } from './reports.mjs';

const looked = /Processing thread/;

/**
 * Runs `work` in an environment in which every process it starts is looked at when it ends.
 *
 * @param work gets the additional environment and resolves to `{ code, output }`.
 * @returns what `work` resolved to, with `processes`: the findings of each process that was looked at.
 */
export async function underLeakSanitizer(library, name, work) {
  const reports = new Reports(`lsan ${name}`);
  const options = {
    log_path: reports.prefix,
    // Names the threads that it looks at: a process without leaks has a report too, and one that was killed has none.
    log_threads: 1,
    // Findings are counted here; the process's own exit code says how it ended.
    exitcode: 0,
    fast_unwind_on_malloc: 0,
    malloc_context_size: 40,
    // As usual it leaves out the module of a frame whose line it knows, and the module says whose frame it is.
    stack_trace_format: '"    #%n %f %S (%m)"',
  };
  const LSAN_OPTIONS = Object.entries(options)
    .map(([option, value]) => `${option}=${value}`)
    .join(':');
  const result = await work({ LD_PRELOAD: library, LSAN_OPTIONS });
  const texts = reports.read().filter((text) => looked.test(text));
  return { ...result, processes: texts.map(leakSanitizerFindings) };
}
