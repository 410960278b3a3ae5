// Loads a recorder, in the child process that measures it.
import { contenders } from '../contenders.mjs';

/**
 * @returns `open(work)` starts one stream of one of the works; `settle()`: everything so far is as durable as it will be;
 *   `close()`; of this package `queuedBytes()`.
 */
export async function createRecorder(name, file, works) {
  const { module, settings } = contenders[name].recorder;
  const { create } = await import(`./${module}.mjs`);
  return create(settings, file, works);
}
