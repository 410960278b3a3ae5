/** What happened while a program ran, in the order in which it happened in one thread. */
import type { EmitOutcome } from 'car-inference';
import type { Offer, RunnerStep } from './program';

export interface Offered {
  readonly do: 'offer';
  readonly attempt: number;
  readonly offer: Offer;
  /** A yield has no answer; whether the generator was asked to go on tells that the event was taken. */
  readonly way: 'emit' | 'yield';
  answer?: EmitOutcome | 'later' | 'neither';
  /** What a promised answer came to. */
  later?: EmitOutcome;
  wentOn?: boolean;
  /** Emitted after the runner's last word: perhaps it has settled. */
  readonly late?: 'perhaps settled' | 'settled';
}

export type Finish = Extract<RunnerStep, { do: 'return' | 'throw' }>;

export type Entry =
  | { readonly do: 'start'; readonly refused?: 'no-runner' | 'engine-closed' | 'aborted' }
  | { readonly do: 'begin'; readonly attempt: number }
  | Offered
  | { readonly do: 'finish'; readonly attempt: number; readonly how: Finish }
  | { readonly do: 'stop'; readonly by: 'cancel' | 'leave' | 'abort' | 'engine' | 'drop' }
  | { readonly do: 'flaw'; readonly says: string };
