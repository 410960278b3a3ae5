/** Random programs. */
import type { RunnerResult } from 'car-inference';
import fc from 'fast-check';
import { CALLS, contentless, offer, valid } from './offers';
import type { ConsumerEnd, ConsumerStep, Pause, Program, RunnerProgram, RunnerStep, Thrown } from './program';

const pause = fc.constantFrom<Pause>('nothing', 'nothing', 'nothing', 'a microtask', 'a turn');

const emitPause = fc.oneof(
  { weight: 4, arbitrary: pause },
  { weight: 1, arbitrary: fc.constant('its answer' as const) },
);

const result: fc.Arbitrary<{ result: unknown; isResult: boolean }> = fc.oneof(
  fc.constant({ result: undefined, isResult: true }),
  fc.constant({ result: undefined, isResult: true }),
  fc
    .constantFrom<RunnerResult>({}, { text: 'whole' }, { text: 'whole', toolCalls: [] }, { toolCalls: CALLS })
    .map((result) => ({ result, isResult: true })),
  fc.constantFrom<unknown>(5, { text: 5 }, { text: '', toolCalls: 5n }).map((result) => ({ result, isResult: false })),
);

const runnerStep: fc.Arbitrary<RunnerStep> = fc.oneof(
  { weight: 140, arbitrary: fc.record({ do: fc.constant('send' as const), offer, pause }) },
  { weight: 100, arbitrary: fc.record({ do: fc.constant('emit' as const), offer, pause: emitPause }) },
  { weight: 10, arbitrary: result.map((it) => ({ do: 'return' as const, ...it })) },
  {
    weight: 10,
    arbitrary: fc
      .constantFrom<Thrown>('an error', 'an error', 'a refusal', 'a bad request', 'undefined', 'a string')
      .map((what) => ({ do: 'throw' as const, what })),
  },
  {
    weight: 10,
    arbitrary: fc.record(
      {
        do: fc.constant('hang' as const),
        onAbort: fc.constantFrom('return', 'return', 'throw', 'go on'),
        emits: offer,
      },
      { requiredKeys: ['do', 'onAbort'] },
    ),
  },
) as fc.Arbitrary<RunnerStep>;

/** The same steps with their tool calls in order: else most programs would end at the first that is not. */
function mended(steps: readonly RunnerStep[]): RunnerStep[] {
  const tools = new Map<number, 'open' | 'ended'>();
  return steps.map((step) => {
    if (step.do !== 'emit' && step.do !== 'send') return step;
    const { arrives } = step.offer;
    if (arrives === null || !arrives.type.startsWith('tool-call-') || !('index' in arrives)) return step;
    const { index } = arrives;
    const tool = tools.get(index);
    if (tool === undefined || arrives.type === 'tool-call-start') {
      tools.set(index, tool ?? 'open');
      return { ...step, offer: valid({ type: 'tool-call-start', index, name: 'f' }) };
    }
    if (arrives.type === 'tool-call-delta' && tool === 'open') return step;
    tools.set(index, 'ended');
    return arrives.type === 'tool-call-end' ? step : { ...step, offer: valid({ type: 'tool-call-end', index }) };
  });
}

const anySteps = fc
  .record({ steps: fc.array(runnerStep, { maxLength: 14 }), isMended: fc.constantFrom(true, true, true, false) })
  .map(({ isMended, steps }) => (isMended ? mended(steps) : steps));

/** Comes to nothing, so that it may be tried again. */
const failing = fc
  .array(fc.record({ do: fc.constantFrom('emit', 'send'), offer: contentless, pause }), { maxLength: 3 })
  .map((events) => [...events, { do: 'throw', what: 'an error' }]) as fc.Arbitrary<RunnerStep[]>;

const steps = fc.oneof({ weight: 5, arbitrary: anySteps }, { weight: 1, arbitrary: failing });

const runner: fc.Arbitrary<RunnerProgram> = fc.record({
  way: fc.constantFrom('emitter', 'emitter', 'generator', 'generator', 'iterator'),
  listens: fc.constantFrom(true, true, false),
  attempts: fc.array(steps, { minLength: 1, maxLength: 2 }),
  atLast: fc.array(offer, { maxLength: 1 }),
  late: fc.array(fc.record({ offer, after: fc.constantFrom('a microtask', 'a turn') }), { maxLength: 1 }),
}) as fc.Arbitrary<RunnerProgram>;

const consumerStep: fc.Arbitrary<ConsumerStep> = fc.record({
  do: fc.oneof(
    { weight: 400, arbitrary: fc.constantFrom('pull', 'pull and wait', 'pull three') },
    { weight: 40, arbitrary: fc.constantFrom('read its facts', 'ask for the result') },
    { weight: 40, arbitrary: fc.constantFrom('cancel', 'abort', 'return', 'throw', 'dispose', 'detach') },
    { weight: 5, arbitrary: fc.constantFrom('replace the runner', 'clear the runner') },
    { weight: 2, arbitrary: fc.constantFrom('collect garbage') },
    { weight: 4, arbitrary: fc.constantFrom('drain the engine', 'close the engine') },
  ),
  pause,
}) as fc.Arbitrary<ConsumerStep>;

const end: fc.Arbitrary<ConsumerEnd> = fc.oneof(
  { weight: 80, arbitrary: fc.constantFrom<ConsumerEnd>('pull to the end', 'loop') },
  {
    weight: 60,
    arbitrary: fc.constantFrom<ConsumerEnd>(
      'break',
      'throw in the loop',
      'text stream',
      'part of the text stream',
      'readable',
      'part of the readable',
      'ask for the result',
      'leave',
      'cancel',
    ),
  },
  { weight: 4, arbitrary: fc.constant<ConsumerEnd>('drop it') },
);

export const program: fc.Arbitrary<Program> = fc.record({
  runner,
  consumer: fc.array(consumerStep, { maxLength: 10 }),
  end,
  bufferedEventsMax: fc.integer({ min: 1, max: 4 }),
  unawaitedEventsMax: fc.constantFrom(undefined, undefined, undefined, 1, 3),
  attemptsMax: fc.constantFrom(1, 2, 3),
  abortedBefore: fc.constantFrom(false, false, false, false, false, false, false, false, false, true),
});
