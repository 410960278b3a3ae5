/** Reading streams and logs to their ends. */
import type { InferenceEngine, StreamEvent, TrackedStream } from 'car-inference';

/** What a consumer saw: its events, and what was thrown at it, if anything was. */
export interface Seen {
  readonly events: StreamEvent[];
  readonly failed: boolean;
  readonly error: unknown;
}

export async function collect(stream: AsyncIterable<StreamEvent>): Promise<Seen> {
  const events: StreamEvent[] = [];
  try {
    for await (const event of stream) events.push(event);
  } catch (error) {
    return { events, failed: true, error };
  }
  return { events, failed: false, error: undefined };
}

/** All events of a call that must go well. */
export async function eventsOf(stream: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const { events, failed, error } = await collect(stream);
  if (failed) throw error;
  return events;
}

/** What a promise is rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('the promise was not rejected');
}

/** The events that the log holds of a call. */
export async function loggedEvents(engine: InferenceEngine, stream: TrackedStream): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const { event } of engine.eventLog.events(stream.traceId)) events.push(event);
  return events;
}

/** The log's record of a call, which must be there. */
export async function recordOf(engine: InferenceEngine, stream: TrackedStream) {
  const record = await engine.eventLog.call(stream.traceId);
  if (record === undefined) throw new Error('the log knows no such call');
  return record;
}

/** The text deltas of events, joined. */
export function textOf(events: readonly StreamEvent[]): string {
  return events.map((event) => (event.type === 'text-delta' ? event.text : '')).join('');
}
