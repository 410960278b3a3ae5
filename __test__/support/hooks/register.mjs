/** To be given to `--import`: registers the hooks that `HOOKS` names, on the thread that Node keeps for them. */
import { register } from 'node:module';

register(`./${process.env.HOOKS}`, import.meta.url);
