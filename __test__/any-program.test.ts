/** Whatever a runner does and whatever its consumer does: one ending, in order, and the log agrees. */
import {
  type EventEmitter,
  InferenceError,
  type RunnerEvent,
  type StreamEvent,
  setInferenceRunner,
} from 'car-inference';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { loggedEvents, recordOf, textOf } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { aborted } from './support/scripted-runner';

afterEach(() => setInferenceRunner(null).dispose());

const event: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant('text-delta'), text: fc.string({ unit: 'binary', maxLength: 4 }) }),
  },
  fc.record({ type: fc.constant('reasoning-delta'), text: fc.string({ maxLength: 3 }) }),
  fc.record({ type: fc.constant('tool-call-start'), index: fc.nat(1), name: fc.constantFrom('f', 'g') }),
  fc.record({ type: fc.constant('tool-call-delta'), index: fc.nat(1), argumentsDelta: fc.constantFrom('{', '}', '') }),
  fc.record({ type: fc.constant('tool-call-end'), index: fc.nat(1) }),
  fc.record({ type: fc.constant('usage'), outputTokens: fc.nat(9) }),
  fc.record({ type: fc.constant('custom'), name: fc.constant('x'), data: fc.jsonValue({ maxDepth: 1 }) }),
  { weight: 1, arbitrary: fc.constant({ type: 'done', text: '', toolCalls: [] }) },
  { weight: 1, arbitrary: fc.constantFrom(undefined, 5, {}, { type: 'nope' }, { type: 'text-delta', text: 5n }) },
);

type RunnerStep = { do: 'emit' | 'emit and go on'; event: unknown } | { do: 'throw' | 'return' | 'hang' };
type ConsumerStep = 'pull' | 'pull twice' | 'cancel' | 'return' | 'abort' | 'result' | 'detach';

const runnerStep: fc.Arbitrary<RunnerStep> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constantFrom('emit', 'emit and go on'), event }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('throw', 'return', 'hang') }) },
) as fc.Arbitrary<RunnerStep>;
const consumerStep: fc.Arbitrary<ConsumerStep> = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom<ConsumerStep>('pull', 'pull', 'pull twice') },
  { weight: 1, arbitrary: fc.constantFrom<ConsumerStep>('cancel', 'return', 'abort', 'result', 'detach') },
);
const program = fc.record({
  way: fc.constantFrom('emitter', 'generator'),
  runner: fc.array(runnerStep, { maxLength: 12 }),
  consumer: fc.array(consumerStep, { maxLength: 16 }),
  bufferedEventsMax: fc.integer({ min: 1, max: 4 }),
});

class RunnerGaveUp extends Error {}

/** Runs the steps; `offered` collects the text of all events that were well-formed when emitted. */
function runnerOf(steps: readonly RunnerStep[], way: string, offered: string[]) {
  const offer = (given: unknown): RunnerEvent => {
    const { type, text } = (given ?? {}) as { type?: unknown; text?: unknown };
    if (type === 'text-delta' && typeof text === 'string') offered.push(text);
    return given as RunnerEvent;
  };
  const finish = async (step: RunnerStep, { signal }: EventEmitter): Promise<boolean> => {
    if (step.do === 'throw') throw new RunnerGaveUp('by its program');
    if (step.do === 'hang') await aborted(signal);
    return step.do === 'return' || step.do === 'hang';
  };
  if (way === 'generator') {
    return async function* (_request: unknown, emitter: EventEmitter) {
      for (const step of steps) {
        if ('event' in step) yield offer(step.event);
        else if (await finish(step, emitter)) return;
      }
    };
  }
  return async (_request: unknown, emitter: EventEmitter) => {
    for (const step of steps) {
      if ('event' in step) {
        const outcome = emitter.emit(offer(step.event));
        if (step.do === 'emit') await outcome;
      } else if (await finish(step, emitter)) return;
    }
  };
}

// fast-check takes seconds, once, to set up its characters.
test('any program of a runner and its consumer comes to exactly one ending', { timeout: 60_000 }, async () => {
  const everyProgram = fc.asyncProperty(program, async ({ way, runner, consumer, bufferedEventsMax }) => {
    const offered: string[] = [];
    setInferenceRunner(runnerOf(runner, way, offered));
    const engine = newEngine({ limits: { bufferedEventsMax }, timeouts: { graceMs: 20 } });
    const controller = new AbortController();
    const stream = engine.generateTrackedStream(REQUEST, { signal: controller.signal });
    const traceId = stream.traceId;

    const seen: StreamEvent[] = [];
    const errors: unknown[] = [];
    let endings = 0;
    let left = false;
    let over = false;
    const pulls: Promise<void>[] = [];
    const pull = () => {
      const answer = stream.next().then(
        (result) => {
          if (result.done) {
            over = true;
            return;
          }
          expect(endings, 'an event after the ending').toBe(0);
          seen.push(result.value);
          if (result.value.type === 'done') endings += 1;
        },
        (error) => {
          endings += 1;
          errors.push(error);
        },
      );
      pulls.push(answer);
      return answer;
    };
    for (const step of consumer) {
      if (step === 'pull') await Promise.race([pull(), new Promise(setImmediate)]);
      else if (step === 'pull twice') {
        pull();
        pull();
      } else if (step === 'cancel') stream.cancel('by its program');
      else if (step === 'return') {
        left = true;
        stream.return();
      } else if (step === 'abort') controller.abort('by its program');
      else if (step === 'detach') {
        left = true;
        stream.detach();
      } else stream.result();
    }
    // Everything must come to an end by itself, except what waits to be aborted.
    const hangs = runner.some(({ do: what }) => what === 'hang');
    if (hangs) controller.abort('by the test');
    while (!over) {
      if (pulls.length > 2 * (consumer.length + runner.length) + 8) throw new Error('the stream does not end');
      await pull();
    }
    await Promise.all(pulls);
    await engine.close('drain');

    // Whoever has left hears of no ending, unless it was there before.
    if (!left) expect(endings).toBe(1);
    expect(endings).toBeLessThanOrEqual(1);
    for (const error of errors) {
      expect(error instanceof InferenceError || error === 'by its program' || error === 'by the test').toBe(true);
    }

    const record = await engine.eventLog.call(traceId);
    if (record === undefined) {
      expect(seen).toEqual([]); // It never started.
      return;
    }
    expect(record.status).not.toBe('open');
    const logged = await loggedEvents(engine, stream);
    // What was seen is the beginning of what was logged, event for event.
    expect(logged.slice(0, seen.length)).toEqual(seen);
    expect(logged.filter(({ type }) => type === 'done').length).toBe(record.status === 'done' ? 1 : 0);
    expect(
      offered
        .join('')
        .toWellFormed()
        .startsWith(textOf(logged).replace(/\ufffd$/, '')),
    ).toBe(true);
    expect((await recordOf(engine, stream)).text).toBe(textOf(logged));
  });
  await fc.assert(everyProgram, { numRuns: 300 });
});
