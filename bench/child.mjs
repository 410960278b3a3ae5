// One measurement of one contender, in a process of its own, so that neither heaps nor compiled code mix.
// Takes its order as JSON in the argument and writes the figures as JSON to file descriptor 3.
import { writeSync } from 'node:fs';

const { module, contender, parameters } = JSON.parse(process.argv[2]);
const { measure } = await import(module);
const figures = await measure(contender, parameters);
writeSync(3, JSON.stringify(figures));
// Idle streams and workers need no farewell.
process.exit(0);
