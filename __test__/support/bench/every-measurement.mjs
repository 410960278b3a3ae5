// Makes every measurement of one contender once, in the smallest size, and says which figures came. The measurements
// themselves fail when an event is missing. Run in one process: what the figures are does not matter here.
import { plan } from '../../../bench/plan.mjs';

const [, , contender] = process.argv;
const said = {};
for (const { name, figures, cells } of plan('smoke')) {
  const { measure } = await import(`../../../bench/measurements/${name}.mjs`);
  for (const cell of cells.filter(({ contenders }) => contenders.includes(contender))) {
    const measured = await measure(contender, cell.parameters(contender));
    const missing = Object.keys(figures).filter((figure) => !Number.isFinite(measured[figure]));
    said[name] = missing.length === 0 ? 'measured' : `no figure for ${missing.join(', ')}`;
  }
}
console.log(JSON.stringify(said));
// Idle streams and workers need no farewell.
process.exit();
