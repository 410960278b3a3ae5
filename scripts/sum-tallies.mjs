// The last line of .ci/run. Arguments: name=exit-code of each run, as in `test=0 check=1`.
import { readTally, Tally } from './tally.mjs';

const total = new Tally();
for (const argument of process.argv.slice(2)) {
  const [name, code] = argument.split('=');
  total.addRun(Number(code), readTally(name));
}
console.log(`${total}`);
process.exitCode = total.failed === 0 ? 0 : 1;
