import {
  type currentInferenceRunner,
  type EmitOutcome,
  type GenerateRequest,
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
