/** What holds for a call, as the addon resolved it from the engine's options and the call's own. */

import type { Limits } from '../native/types';

export interface CallSettings {
  readonly limits: { readonly [Name in keyof Limits]-?: number };
  /** After how many milliseconds a time of a fresh attempt may strike first; absent when none is set. */
  readonly firstLookMs: number | null;
}
