// The stack of what a consumer catches leads to the line that waited for it, as it does with a native async generator.
import { type InferenceEngine, type InferenceError, RunnerDeclinedError, setInferenceRunner } from 'car-inference';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { nodes, run, saidBy } from './support/child-process';
import { rejection } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { turn } from './support/gate';
import { text } from './support/scripted-runner';
import { Thread } from './support/thread';

afterEach(() => setInferenceRunner(null).dispose());

type Consume = (engine: InferenceEngine) => Promise<unknown>;

// Each is called by a function of a name that is looked for, and that only an async stack can show.
const CONSUMERS: Record<string, Consume> = {
  'for await': async function theCaller(engine) {
    for await (const _event of engine.generateTrackedStream(REQUEST)) await turn();
  },
  'next()': async function theCaller(engine) {
    const stream = engine.generateTrackedStream(REQUEST);
    while (!(await stream.next()).done);
  },
  'result()': async function theCaller(engine) {
    await engine.generateTrackedStream(REQUEST).result();
  },
  'generate()': async function theCaller(engine) {
    await engine.generate(REQUEST);
  },
  textStream: async function theCaller(engine) {
    for await (const _delta of engine.generateTrackedStream(REQUEST).textStream) await turn();
  },
  'a race against something else': async function theCaller(engine) {
    await Promise.race([engine.generate(REQUEST), new Promise(() => {})]);
  },
};

const FAILURES: Record<string, () => InferenceEngine> = {
  'an emitter runner that throws at once': () => {
    setInferenceRunner(() => {
      throw new Error('no');
    });
    return newEngine();
  },
  'an emitter runner that rejects later': () => {
    setInferenceRunner(async (_request, { emit }) => {
      await turn();
      await emit(text('a'));
      throw new Error('no');
    });
    return newEngine();
  },
  'a generator runner that throws between events': () => {
    setInferenceRunner(async function* () {
      yield text('a');
      await turn();
      throw new Error('no');
    });
    return newEngine();
  },
  'a runner that declines': () => {
    setInferenceRunner(() => Promise.reject(new RunnerDeclinedError('not me')));
    return newEngine();
  },
  'a timeout': () => {
    setInferenceRunner((_request, { cancelled }) => cancelled() as Promise<never>);
    return newEngine({ timeouts: { firstEventMs: 2 } });
  },
  'what is not an event': () => {
    setInferenceRunner(async function* () {
      yield text('a');
      yield 'nonsense' as never;
    });
    return newEngine();
  },
  'no runner': () => newEngine(),
  'a closed engine': () => {
    const engine = newEngine();
    engine.close();
    return engine;
  },
  'an engine that closes meanwhile': () => {
    const engine = newEngine();
    setInferenceRunner(async (_request, emitter) => {
      await turn();
      engine.close('cancel');
      await emitter.cancelled();
    });
    return engine;
  },
};

describe.each(Object.entries(CONSUMERS))('%s', (_name, consume) => {
  test.each(Object.entries(FAILURES))('leads to its line after %s', async (_failure, prepare) => {
    const engine = prepare();
    const error = (await rejection(consume(engine))) as InferenceError;
    expect(error.stack).toMatch(new RegExp(`^${error.name}: `));
    expect(error.stack).toContain(error.message);
    expect(error.stack).toMatch(/at (async )?(Object\.)?theCaller \(.*stack-traces\.test\.ts:\d+:\d+\)/);
  });
});

test('the error of a pull that comes late leads to that pull', async () => {
  setInferenceRunner((_request, { emit }) => {
    emit(text('a'));
    throw new Error('no');
  });
  const stream = newEngine().generateTrackedStream(REQUEST);
  await stream.next();
  await turn();
  const pullLate = () => stream.next();
  expect(((await rejection(pullLate())) as Error).stack).toMatch(/at .*pullLate/);
});

test('the error of a result() that is asked for late leads to that line', async () => {
  setInferenceRunner(() => {
    throw new Error('no');
  });
  const stream = newEngine().generateTrackedStream(REQUEST);
  stream.detach();
  await turn();
  const askLate = () => stream.result();
  expect(((await rejection(askLate())) as Error).stack).toMatch(/at .*askLate/);
});

test('loop and result() catch the same error, and its stack leads to the loop', async () => {
  setInferenceRunner(async function* () {
    yield text('a');
    throw new Error('no');
  });
  const stream = newEngine().generateTrackedStream(REQUEST);
  const fromResult = rejection(stream.result());
  async function theLoop() {
    for await (const event of stream) expect(event).toBeDefined();
  }
  const fromLoop = await rejection(theLoop());
  expect(await fromResult).toBe(fromLoop);
  expect((fromLoop as Error).stack).toMatch(/at (async )?theLoop/);
});

test('a request that is not valid leads to where the call was made', async () => {
  const open = () => newEngine().generateTrackedStream({ prompt: 1n } as never);
  const stream = open();
  expect(((await rejection(stream.next())) as Error).stack).toMatch(/at .*open/);
});

test('what the runner threw stays the cause, with the stack it had', async () => {
  let thrown: Error | undefined;
  setInferenceRunner(async function* theRunner() {
    yield text('a');
    await turn();
    thrown = new Error('no');
    throw thrown;
  });
  const error = (await rejection(newEngine().generate(REQUEST))) as Error;
  expect(error.cause).toBe(thrown);
  expect(thrown?.stack).toContain('theRunner');
  expect(thrown?.stack).not.toContain('callFailed');
});

test('the reason of a signal is thrown as it is', async () => {
  setInferenceRunner((_request, { cancelled }) => cancelled() as Promise<never>);
  const controller = new AbortController();
  const reason = new Error('mine');
  const { stack } = reason;
  const call = newEngine().generate(REQUEST, { signal: controller.signal });
  await turn();
  controller.abort(reason);
  expect(await rejection(call)).toBe(reason);
  expect(reason.stack).toBe(stack);
});

test('a runner of another thread leads to the consumer’s line too', async () => {
  await using thread = new Thread();
  await thread.ask('register', { events: [text('a')], fails: { message: 'no' } });
  async function theCaller() {
    await newEngine().generate(REQUEST);
  }
  expect(((await rejection(theCaller())) as Error).stack).toMatch(/at (async )?theCaller/);
});

test('pulls behind the one that fails end after it', async () => {
  setInferenceRunner(() => {
    throw new Error('no');
  });
  const stream = newEngine().generateTrackedStream(REQUEST);
  const settled: string[] = [];
  const note = (pull: Promise<unknown>, name: string) =>
    pull.then(
      () => settled.push(`${name} ended`),
      () => settled.push(`${name} failed`),
    );
  const pulls = [note(stream.next(), 'first'), note(stream.next(), 'second')];
  // The call is over by now, and its failure on its way.
  await Promise.resolve();
  pulls.push(note(stream.next(), 'third'));
  await Promise.all(pulls);
  expect(settled).toEqual(['first failed', 'second ended', 'third ended']);
});

test('a call that goes well takes no stack and makes no error', async () => {
  const captures = vi.spyOn(Error, 'captureStackTrace');
  try {
    setInferenceRunner(async function* () {
      yield text('a');
    });
    const engine = newEngine();
    for await (const _event of engine.generateTrackedStream(REQUEST)) await Promise.resolve();
    await engine.generate(REQUEST);
    expect(captures).not.toHaveBeenCalled();
  } finally {
    captures.mockRestore();
  }
});

test.each(nodes())(
  'stacks lead to the caller under %s, and no failure that nobody looks at is a warning',
  async (node) => {
    const exit = await run('async-stacks.mjs', { node });
    expect(exit).toMatchObject({ code: 0, stderr: '' });
    expect(saidBy(exit)).toEqual([
      ['forAwait', true],
      ['next', true],
      ['result', true],
      ['generate', true],
      ['textStream', true],
    ]);
  },
);
