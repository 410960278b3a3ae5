import {
  type currentInferenceRunner,
  type EmitOutcome,
  type GenerateRequest,
  InferenceEngine,
  type InferenceEngineOptions,
  type ModelInput,
  type ModelInputSource,
  type ModelSchema,
  RunnerDeclinedError,
  type RunnerLike,
  type RunnerRegistration,
  setInferenceRunner,
} from '../../index';
import { type Equal, expectType } from './equal';

// An object with run, an async function, an async generator.
const registration = setInferenceRunner({
  async run(request, emitter) {
    expectType<Equal<typeof request, GenerateRequest>>();
    expectType<Equal<typeof emitter.signal, AbortSignal>>();
    const outcome = emitter.emit({ type: 'text-delta', text: 'hel' });
    expectType<Equal<typeof outcome, EmitOutcome | Promise<EmitOutcome>>>();
    await emitter.emit({ type: 'reasoning-delta', text: 'an index is 0 when left out' });
    // @ts-expect-error text is missing
    emitter.emit({ type: 'text-delta' });
    // @ts-expect-error no such event
    emitter.emit({ type: 'text', text: 'x' });
    // @ts-expect-error a custom event says so
    emitter.emit({ type: 'mine', data: {} });
    return { text: 'hello', toolCalls: [] };
  },
});
expectType<Equal<typeof registration, RunnerRegistration>>();
registration.dispose();
registration[Symbol.dispose]();

setInferenceRunner(async (_request, { emit }) => {
  await emit({ type: 'done', text: '', toolCalls: [] });
});

setInferenceRunner(async function* (request, { signal, hint }) {
  signal.throwIfAborted();
  expectType<Equal<typeof hint, string | undefined>>();
  yield { type: 'text-delta', text: request.prompt ?? '' };
  return { text: '' };
});

setInferenceRunner({
  async *run(_request, { signal }) {
    signal.throwIfAborted();
    yield { type: 'tool-call-start', index: 0, name: 'search' };
  },
});

setInferenceRunner(null);
setInferenceRunner(null, { hint: 'openai' });
expectType<Equal<ReturnType<typeof currentInferenceRunner>, RunnerLike | null>>();

// @ts-expect-error a runner runs
setInferenceRunner({});
// @ts-expect-error a string is no runner
setInferenceRunner('openai');
// @ts-expect-error a hint is a string
setInferenceRunner(null, { hint: 1 });
// @ts-expect-error only events may be yielded
setInferenceRunner(async function* () {
  yield 1;
});

new RunnerDeclinedError('no key', { status: 401, retryAfterMs: 10, body: { a: 1 }, retryable: false, cause: 'x' });
// @ts-expect-error a status is a number
new RunnerDeclinedError('no key', { status: '401' });

// An engine's own, its models', and a call's.
const engine = new InferenceEngine({
  async *runner(request, { signal }) {
    signal.throwIfAborted();
    expectType<Equal<typeof request, GenerateRequest>>();
    yield { type: 'text-delta', text: request.prompt ?? '' };
  },
  models: [
    { id: 'a' },
    { id: 'b', source: undefined },
    { id: 'c', source: { type: 'delegated', hint: 'openai', runner: async () => ({ text: 'c' }) } },
  ],
});
new InferenceEngine({ runner: async (_request, { emit }) => void (await emit({ type: 'text-delta', text: 'a' })) });
new InferenceEngine({ runner: { run: async () => {} } });
new InferenceEngine({ runner: undefined, models: undefined });
expectType<Equal<ReturnType<typeof engine.setRunner>, RunnerRegistration>>();
engine.setRunner(null, { hint: 'openai' });
engine
  .setRunner(async function* () {
    yield { type: 'text-delta', text: 'a' };
  })
  [Symbol.dispose]();
engine.registerModel({ id: 'd' });
engine.generate({ prompt: 'hi' }, { runner: async () => ({ text: 'once' }) });
const stream = engine.generateTrackedStream({ prompt: 'hi' }, { runner: undefined });
expectType<Equal<ReturnType<typeof stream.started>, Promise<void>>>();
expectType<Equal<typeof engine.models, ModelSchema[]>>();
expectType<Equal<ModelInputSource['runner'], RunnerLike | undefined>>();
expectType<Equal<NonNullable<(typeof engine.models)[0]['source']['hint']>, string>>();
new InferenceEngine({ models: engine.models } satisfies InferenceEngineOptions);
engine.registerModel({ id: 'e', source: { type: 'delegated', runner: undefined } } satisfies ModelInput);
engine.registerModel({ id: 'f', source: { hint: 'openai', runner: async () => ({ text: 'f' }) } });
// @ts-expect-error a string is no runner
new InferenceEngine({ runner: 'openai' });
// @ts-expect-error a runner runs
engine.setRunner({});
// @ts-expect-error a runner of the process is cleared with null, that of a call left out
engine.generate({ prompt: 'hi' }, { runner: null });
// @ts-expect-error only events may be yielded
engine.setRunner(async function* () {
  yield 1;
});
