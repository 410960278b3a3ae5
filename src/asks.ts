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
 * @param asked the answer, or the number under which it is going to come.
 * @returns what was answered.
 * @throws the typed error of what failed.
 */
export function ask<T>(asked: string | number, presence: Presence = 'keeps-process'): Promise<T> {
  return new Promise<unknown>((resolve, reject) => {
    if (typeof asked === 'string') return settle({ resolve, reject }, asked);
    stayWhenNeeded();
    realm.asks.set(asked, { resolve, reject, keepsProcess: presence === 'keeps-process' });
  }) as Promise<T>;
}

export function answered(ticket: number, json: string): void {
  const waiting = realm.asks.get(ticket);
  realm.asks.delete(ticket);
  if (waiting !== undefined) settle(waiting, json);
}

function settle({ resolve, reject }: Pick<Ask, 'resolve' | 'reject'>, json: string): void {
  const answer = decodeJson<Answer>(json);
  if ('failure' in answer) reject(errorFrom(answer.failure));
  else resolve(answer.value);
}
