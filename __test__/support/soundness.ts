/** What holds after every call, whatever its runner did: one ending, the log agrees, and the engine goes on. */
import {
  type Completion,
  type InferenceEngine,
  type InferenceError,
  type StreamEvent,
  setInferenceRunner,
  type TrackedStream,
} from 'car-inference';
import { expect } from 'vitest';
import { collect, loggedEvents, recordOf } from './collect';
import { REQUEST } from './engine';
import { text } from './scripted-runner';

export interface Ended {
  /** What the consumer saw, without `done`. */
  readonly events: StreamEvent[];
  readonly error: InferenceError | undefined;
  readonly completion: Completion | undefined;
}

/** Reads a stream to its end and checks all that must hold. Afterwards the process-wide slot is empty. */
export async function endOf(engine: InferenceEngine, stream: TrackedStream): Promise<Ended> {
  const { events, failed, error } = await collect(stream);
  for (let pull = 0; pull < 2; pull += 1) expect(await stream.next()).toEqual({ done: true, value: undefined });
  const completion = await stream.result().catch((thrown) => {
    expect(thrown).toBe(error);
    return undefined;
  });
  const doneAt = events.findIndex(({ type }) => type === 'done');
  expect(doneAt).toBe(failed ? -1 : events.length - 1);
  if (stream.traceId !== '') {
    const record = await recordOf(engine, stream);
    expect(record).toMatchObject(failed ? { failure: { code: (error as InferenceError).code } } : { status: 'done' });
    if (failed) expect(['failed', 'cancelled', 'timeout']).toContain(record.status);
    expect(await loggedEvents(engine, stream)).toEqual(events);
  }
  setInferenceRunner(async (_request, { emit }) => void emit(text('still here')));
  expect((await engine.generate(REQUEST)).text).toBe('still here');
  setInferenceRunner(null);
  return {
    events: failed ? events : events.slice(0, -1),
    error: failed ? (error as InferenceError) : undefined,
    completion,
  };
}
