// The benchmark. `npm run bench` builds what it measures and then starts this with the arguments it got.
import { runSuite } from './run.mjs';
import { suite } from './suite.mjs';

await runSuite(suite);
