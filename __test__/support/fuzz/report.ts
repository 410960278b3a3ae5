/** What is printed of a program that was not seen as the model says. */
import type { Evidence } from './check';
import { shown } from './shown';

export class Disagreement extends Error {
  override readonly name = 'Disagreement';

  constructor({ entries, logged, program, record }: Evidence, differences: readonly string[]) {
    super(
      [
        ...differences.map((difference) => `✗ ${difference}`),
        `program: ${shown(program)}`,
        'trace:',
        ...entries.map((entry) => `  ${shown(entry)}`),
        `ended: ${record === undefined ? 'unrecorded' : `${record.status} ${shown(record.failure?.message)}`}`,
        'log:',
        ...logged.map((event) => `  ${shown(event)}`),
      ].join('\n'),
    );
  }
}
