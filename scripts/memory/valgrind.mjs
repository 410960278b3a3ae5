// Running things under valgrind's memcheck.
import { valgrindFindings } from './findings.mjs';
import { Reports } from './reports.mjs';

/** As `underLeakSanitizer`; `work` gets the command to put before the program's own. */
export async function underValgrind(name, work) {
  const reports = new Reports(`valgrind ${name}`);
  const command = [
    'valgrind',
    // V8 writes code while it runs.
    '--smc-check=all-non-file',
    ...['--leak-check=full', '--show-leak-kinds=definite', '--errors-for-leak-kinds=definite'],
    ...['--num-callers=40', '--fair-sched=try'],
    ...['--xml=yes', `--xml-file=${reports.prefix}.%p`],
  ];
  const result = await work(command);
  return { ...result, processes: reports.read().map(valgrindFindings) };
}
