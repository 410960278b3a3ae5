/** Questions to logs, which a thread of Rust answers by mail. The process stays for those that somebody waits for. */

import type { Failure } from '../native/types';
import { stayWhenNeeded } from './deadlines';
import { errorFrom } from './failure';
import { decodeJson } from './json';
import { realm } from './realm';

export interface Ask {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Whether the process stays until it is answered. */
  readonly keepsProcess: boolean;
}

/** What Rust answers. */
type Answer = { value: unknown } | { failure: Failure };

/** Whether the process stays for an answer. */
export type Presence = 'keeps-process' | 'lets-process-leave';

/**
 * @param ticket the number under which the answer is going to come.
 * @returns what was answered.
 * @throws the typed error of what failed.
 */
export function ask<T>(ticket: number, presence: Presence = 'keeps-process'): Promise<T> {
  stayWhenNeeded();
  return new Promise<unknown>((resolve, reject) => {
    realm.asks.set(ticket, { resolve, reject, keepsProcess: presence === 'keeps-process' });
  }) as Promise<T>;
}

export function answered(ticket: number, json: string): void {
  const waiting = realm.asks.get(ticket);
  realm.asks.delete(ticket);
  if (waiting === undefined) return;
  const answer = decodeJson<Answer>(json);
  if ('failure' in answer) waiting.reject(errorFrom(answer.failure));
  else waiting.resolve(answer.value);
}
