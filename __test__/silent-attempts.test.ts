/** An attempt that is silent for too long is tried again as any other that fails before the first content. */
import {
  CancelledError,
  type EmitOutcome,
  InferenceEngine,
  type InferenceEngineOptions,
  type RunnerLike,
  setInferenceRunner,
  TimeoutError,
} from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { eventsOf, recordOf, rejection } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { gate, turn } from './support/gate';
import { aborted, text } from './support/scripted-runner';
import { Thread } from './support/thread';

afterEach(() => {
  setInferenceRunner(null);
});

const PROMPT = { prompt: 'hi' };
const NEVER = new Promise<never>(() => {});
const RETRY = { retry: { attemptsMax: 3, backoffMs: 1 } } as const;

function engineOf(runner: RunnerLike, options: InferenceEngineOptions = {}): InferenceEngine {
  return new InferenceEngine({ runner, ...RETRY, timeouts: { firstEventMs: 10, idleMs: 10, graceMs: 5 }, ...options });
}

/** How a first run may be silent. */
const SILENT: Record<string, RunnerLike> = {
  'a generator that stops when it is told': async function* (_request, { signal }) {
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    yield text('never');
  },
  'a generator that does not': async function* () {
    yield await NEVER;
  },
  'an emitter that stops when it is told': async (_request, { signal }) => {
    await aborted(signal);
  },
  'an emitter that does not': () => NEVER,
  'one that says what it costs first': async function* (_request, { signal }) {
    yield { type: 'usage', inputTokens: 3 };
    await aborted(signal);
  },
  'one that warns first, and does not stop': async (_request, { emit }) => {
    await emit({ type: 'warning', message: 'slow today' });
    await NEVER;
  },
};

/** Runs the first runner first, and then one that answers. */
function first(runner: RunnerLike, log: string[] = []): RunnerLike {
  let runs = 0;
  return (request, emitter) => {
    runs += 1;
    log.push(`run ${runs}`);
    if (runs > 1) return { text: 'here' } as never;
    emitter.signal.addEventListener('abort', () => log.push(`aborted: ${emitter.signal.reason.name}`));
    return (typeof runner === 'function' ? runner(request, emitter) : runner.run(request, emitter)) as never;
  };
}

describe.each(Object.entries(SILENT))('%s', (_what, runner) => {
  test('is told to stop, and then another run answers', async () => {
    const log: string[] = [];
    const engine = engineOf(first(runner, log));
    const stream = engine.generateTrackedStream(PROMPT);
    expect((await stream.result()).text).toBe('here');
    expect(log).toEqual(['run 1', 'aborted: TimeoutError', 'run 2']);
    const { attempts } = await recordOf(engine, stream);
    expect(attempts.map(({ attempt, failure }) => [attempt, failure?.code])).toEqual([
      [1, 'timeout'],
      [2, undefined],
    ]);
  });

  test('ends the call when it is so each time, after as many attempts as are allowed', async () => {
    let runs = 0;
    const engine = engineOf((request, emitter) => {
      runs += 1;
      return (typeof runner === 'function' ? runner(request, emitter) : runner.run(request, emitter)) as never;
    });
    const stream = engine.generateTrackedStream(PROMPT);
    const error = await rejection(stream.result());
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ retryable: true });
    expect(runs).toBe(3);
    const { attempts } = await recordOf(engine, stream);
    expect(attempts.map(({ failure }) => failure?.code)).toEqual(['timeout', 'timeout', 'timeout']);
  });

  test('ends the call at once without retries', async () => {
    const engine = engineOf(first(runner), { retry: {} });
    await expect(engine.generate(PROMPT)).rejects.toBeInstanceOf(TimeoutError);
  });

  test('is tried again for a call that another thread waits for', async () => {
    await using consumer = new Thread();
    const log: string[] = [];
    setInferenceRunner(first(runner, log));
    await consumer.ask('open', {
      request: REQUEST,
      engineOptions: { ...RETRY, timeouts: { firstEventMs: 10, idleMs: 10, graceMs: 5 } },
    });
    const { value } = await consumer.ask('collect');
    expect(value.at(-1)).toMatchObject({ type: 'done', text: 'here' });
    expect(log).toEqual(['run 1', 'aborted: TimeoutError', 'run 2']);
  });
});

test('what the silent run emits later is closed, and in nobody’s answer', async () => {
  const late: Array<EmitOutcome | Promise<EmitOutcome>> = [];
  const again = gate();
  const over = gate();
  const isClosed: boolean[] = [];
  let runs = 0;
  const engine = engineOf(async (_request, emitter) => {
    runs += 1;
    if (runs === 1) {
      await again.promise;
      isClosed.push(emitter.isClosed);
      late.push(emitter.emit(text('too late')), emitter.emit({ type: 'done', text: 'x', toolCalls: [] }));
      over.open();
      return { text: 'too late as well' };
    }
    again.open();
    await over.promise;
    await emitter.emit(text('in time'));
  });
  expect((await engine.generate(PROMPT)).text).toBe('in time');
  expect(await Promise.all(late)).toEqual(['closed', 'closed']);
  expect(isClosed).toEqual([true]);
});

test('content that has come ends the call: what was delivered is never retracted', async () => {
  let runs = 0;
  const engine = engineOf(async function* () {
    runs += 1;
    yield text('part');
    yield await NEVER;
  });
  const error = await rejection(engine.generate(PROMPT));
  expect(error).toMatchObject({ name: 'TimeoutError', kind: 'idle', text: 'part' });
  expect(runs).toBe(1);
});

test('the total time ends the call, while a silent run has its grace and while a retry waits', async () => {
  for (const timeouts of [
    // Its total time strikes within the grace of the silent run, which then goes on for the call.
    { firstEventMs: 5, totalMs: 25, graceMs: 50 },
    { firstEventMs: 5, totalMs: 25, graceMs: 0 },
  ]) {
    const retry = { attemptsMax: 3, backoffMs: 600_000, backoffMaxMs: 600_000 };
    const engine = engineOf(() => NEVER, { retry, timeouts });
    expect(await rejection(engine.generate(PROMPT))).toMatchObject({ name: 'TimeoutError', kind: 'total' });
  }
});

test('a consumer that cancels meanwhile ends the call', async () => {
  const controller = new AbortController();
  const told = gate();
  const engine = engineOf(
    async (_request, { signal }) => {
      await aborted(signal);
      told.open();
      await NEVER;
    },
    { timeouts: { firstEventMs: 5, graceMs: 50 } },
  );
  const aborting = rejection(engine.generate(PROMPT, { signal: controller.signal }));
  await told.promise;
  controller.abort(new Error('enough'));
  expect(await aborting).toMatchObject({ message: 'enough' });
  const stream = engineOf(() => NEVER).generateTrackedStream(PROMPT);
  const pull = rejection(stream.next());
  await turn();
  await stream.cancel('enough');
  expect(await pull).toBeInstanceOf(CancelledError);
});

test('a pull that waits gets the answer of the attempt that has one, and a warning when something was delivered before', async () => {
  const engine = engineOf(first(SILENT['one that says what it costs first'] as RunnerLike));
  const events = await eventsOf(engine.generateTrackedStream(PROMPT));
  expect(events.map((event) => (event.type === 'warning' ? event.code : event.type))).toEqual([
    'usage',
    'retried',
    'done',
  ]);
});

test('a runner in another thread that is silent is tried again', async () => {
  await using host = new Thread();
  await host.ask('register', { way: 'emitter', hangs: true });
  const engine = newEngine({ ...RETRY, timeouts: { firstEventMs: 30, graceMs: 30 } });
  const stream = engine.generateTrackedStream(REQUEST);
  await expect(stream.result()).rejects.toBeInstanceOf(TimeoutError);
  let runs: Array<{ reason?: { name: string } }>;
  do runs = await host.ask('runs');
  while (runs.length < 3 || runs.some(({ reason }) => reason === undefined));
  expect(runs.map(({ reason }) => reason?.name)).toEqual(['TimeoutError', 'TimeoutError', 'TimeoutError']);
  expect((await recordOf(engine, stream)).attempts).toHaveLength(3);
});
