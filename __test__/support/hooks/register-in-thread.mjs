/** To be given to `--import`: hooks in the thread of the program itself, where Node has them; they read every source. */
import { readFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';

nodeModule.registerHooks?.({
  resolve: (specifier, context, nextResolve) => nextResolve(specifier, context),
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (loaded.format !== 'module' && loaded.format !== 'commonjs') return loaded;
    return { ...loaded, source: loaded.source ?? readFileSync(fileURLToPath(url)) };
  },
});
