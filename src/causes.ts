/** The values of this realm that one call's failure may name: objects stay here, only their numbers cross. */

import type { StopKind } from './call';
import { messageOf, toWellFormed } from './json';

const MESSAGE_MAX = 1024;

/** A reason somebody gave, which may be undefined itself. */
export interface Reason {
  readonly value: unknown;
}

export class Causes {
  readonly #values = new Map<number, unknown>();

  /** The number under which the value is kept, from 1. */
  keep(value: unknown): number {
    const causeId = this.#values.size + 1;
    this.#values.set(causeId, value);
    return causeId;
  }

  get values(): ReadonlyMap<number, unknown> {
    return this.#values;
  }

  /** Why a call is stopped, as the addon wants to hear it. */
  describeStop(kind: StopKind, reason: Reason | undefined, message: string | undefined): string {
    if (reason === undefined) return JSON.stringify({ kind, message });
    const said = reason.value === undefined ? message : toWellFormed(messageOf(reason.value).slice(0, MESSAGE_MAX));
    return JSON.stringify({ kind, message: said, causeId: this.keep(reason.value) });
  }
}
