/** Streams that nobody holds any more: their calls are cancelled. */

import { liveCall } from './deadlines';
import type { Ticket } from './nesting';

/**
 * Holds a number and not the call, because a call does reach its stream: an error remembers the `this` of each frame it
 * was made under, and `cancel()` is one.
 */
const forgotten = new FinalizationRegistry<Ticket>(({ id }) => liveCall(id)?.forget());

export function watchForForgetting(stream: object, ticket: Ticket): void {
  forgotten.register(stream, ticket, ticket);
}

/** The call is over. What a registry watches outlives every scavenge, and with a stream all that its call had. */
export function stopWatching(ticket: Ticket): void {
  forgotten.unregister(ticket);
}
