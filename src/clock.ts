/**
 * The clocks and timers of this package: Node's own. Fake timers do not affect them, whether a host installs them before or
 * after it loads the package. Every other file imports its timers from here.
 */

import { nodeClock } from './node-clock';
import { realm } from './realm';

export type { Timer } from './node-clock';

/** The clock that the first copy in this thread took. A later copy may be loaded while fake timers are installed. */
realm.clock ??= nodeClock();

export const { setTimeout, clearTimeout, setInterval, clearInterval, epochMs, parseDate, monotonicMs } = realm.clock;
