/** From the ending that Rust sealed to what the consumer gets: the `done` event and the result, or one error. */

import type { Ending, StreamEvent } from '../native/types';
import { CallFailure } from './call-failure';
import type { Outcome } from './call-result';
import { errorFrom } from './failure';

export function outcomeOf(
  { completion, failure }: Ending,
  signal: AbortSignal | undefined,
  causes: ReadonlyMap<number, unknown> | undefined,
): Outcome {
  if (failure === undefined || failure === null) return completion;
  // As `fetch` does: whoever aborts gets the reason it gave.
  if (failure.cancel?.kind === 'signal' && signal?.aborted) return new CallFailure(signal.reason, 'host');
  return new CallFailure(errorFrom(failure, { completion, causes }), 'call');
}

/** The last event of a call that went well. */
export function doneEvent({ completion: { text, toolCalls } }: Ending): StreamEvent {
  // A copy: the event and the result are two consumers' objects.
  return { type: 'done', text, toolCalls: toolCalls.length === 0 ? [] : structuredClone(toolCalls) };
}
