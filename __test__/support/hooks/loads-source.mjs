/** A loader hook as instrumentation installs it: it reads the source of every file itself and hands it on. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export async function load(url, context, nextLoad) {
  const loaded = await nextLoad(url, context);
  if (loaded.format !== 'module' && loaded.format !== 'commonjs') return loaded;
  return { ...loaded, source: loaded.source ?? (await readFile(fileURLToPath(url))) };
}
