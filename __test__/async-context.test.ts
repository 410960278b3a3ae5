// AsyncLocalStorage: a runner sees the context of the call it serves, whoever wakes it; a consumer keeps its own.
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type EventEmitter,
  type GenerateRequest,
  RunnerDeclinedError,
  type RunnerEvent,
  setInferenceRunner,
} from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { nodes, run, saidBy } from './support/child-process';
import { newEngine, REQUEST } from './support/engine';
import { gate, turn } from './support/gate';
import { aborted, ScriptedRunner, text } from './support/scripted-runner';
import { Thread } from './support/thread';

afterEach(() => setInferenceRunner(null).dispose());

const context = new AsyncLocalStorage<string>();
const other = new AsyncLocalStorage<string>();
const here = () => `${context.getStore()}/${other.getStore()}`;

/** Runs in a context that both storages know. */
function inside<T>(name: string, run: () => T): T {
  return context.run(name, () => other.run(name, run));
}

/** Runners that say where they run, at each of their steps. */
const SHAPES = {
  'an emitter runner': async (_request: GenerateRequest, { emit }: EventEmitter) => {
    await emit(text(here()));
    await turn();
    await emit(text(here()));
    await emit(text(here()));
  },
  'a generator runner': async function* (): AsyncGenerator<RunnerEvent, void, undefined> {
    yield text(here());
    yield text(here());
    yield text(here());
  },
  'a generator runner that awaits between its events': async function* (): AsyncGenerator<
    RunnerEvent,
    void,
    undefined
  > {
    yield text(here());
    await turn();
    yield text(here());
    await Promise.resolve();
    yield text(here());
  },
  'a plain iterator': () => {
    let left = 3;
    return {
      [Symbol.asyncIterator]: () => ({
        next: async () => (left-- > 0 ? { done: false, value: text(here()) } : { done: true, value: undefined }),
      }),
    };
  },
};

describe.each(Object.entries(SHAPES))('%s', (_name, runner) => {
  test('runs in the context of the call at every pull, and the consumer stays in its own', async () => {
    setInferenceRunner(runner as never);
    const stream = inside('call', () => newEngine().generateTrackedStream(REQUEST));
    const seen: string[] = [];
    await inside('consumer', async () => {
      for await (const event of stream) {
        if (event.type === 'text-delta') seen.push(event.text);
        expect(here()).toBe('consumer/consumer');
      }
      expect(here()).toBe('consumer/consumer');
    });
    expect(seen).toEqual(['call/call', 'call/call', 'call/call']);
    expect(here()).toBe('undefined/undefined');
  });

  test('each pull may come from another context', async () => {
    setInferenceRunner(runner as never);
    const stream = inside('call', () => newEngine().generateTrackedStream(REQUEST));
    for (const name of ['one', 'two', 'three']) {
      const { value } = await inside(name, () => stream.next());
      expect(value).toEqual(text('call/call'));
    }
  });

  test('two calls at once do not mix their contexts', async () => {
    setInferenceRunner(runner as never);
    const engine = newEngine();
    const [one, two] = ['one', 'two'].map((name) => inside(name, () => engine.generateTrackedStream(REQUEST)));
    const seen: unknown[] = [];
    for (let pulls = 0; pulls < 3; pulls += 1) {
      const answers = await Promise.all([one?.next(), two?.next()]);
      seen.push(...answers.map((answer) => answer?.value));
    }
    expect(seen).toEqual(Array.from({ length: 3 }, () => [text('one/one'), text('two/two')]).flat());
  });

  test('a context inside another is told apart from it', async () => {
    setInferenceRunner(runner as never);
    const stream = inside('outer', () => other.run('inner', () => newEngine().generateTrackedStream(REQUEST)));
    const { value } = await inside('outer', () => stream.next());
    expect(value).toEqual(text('outer/inner'));
    await stream.return();
  });

  test('result() without a loop, generate(), textStream, a readable and detach() run it in the context of the call', async () => {
    setInferenceRunner(runner as never);
    const engine = newEngine();
    const open = () => inside('call', () => engine.generateTrackedStream(REQUEST));
    const all = 'call/call'.repeat(3);
    const consumed = await inside('consumer', async () => {
      const { text: fromResult } = await open().result();
      expect(here()).toBe('consumer/consumer');
      let fromText = '';
      for await (const delta of open().textStream) fromText += delta;
      let fromReadable = '';
      for await (const event of open().toReadableStream() as never as AsyncIterable<RunnerEvent>) {
        if (event.type === 'text-delta') fromReadable += event.text;
      }
      const detached = open();
      detached.detach();
      const { text: fromDetached } = await detached.result();
      expect(here()).toBe('consumer/consumer');
      return [fromResult, fromText, fromReadable, fromDetached];
    });
    expect(consumed).toEqual([all, all, all, all]);
    expect((await inside('call', () => engine.generate(REQUEST))).text).toBe(all);
  });
});

test('a call made outside every context runs its runner outside, wherever it is pulled', async () => {
  setInferenceRunner(SHAPES['a generator runner']);
  const stream = newEngine().generateTrackedStream(REQUEST);
  expect((await inside('consumer', () => stream.next())).value).toEqual(text('undefined/undefined'));
  expect((await inside('consumer', () => stream.next())).value).toEqual(text('undefined/undefined'));
  await stream.return();
});

describe('what wakes a runner from elsewhere', () => {
  test('a retry after a wait runs in the context of its call, not in that of the timer', async () => {
    const runs: string[] = [];
    setInferenceRunner(async () => {
      runs.push(here());
      if (runs.length % 2 === 1) throw Object.assign(new Error('busy'), { status: 503 });
    });
    const engine = newEngine({ retry: { attemptsMax: 2, backoffMs: 1 } });
    // The first one sets the timer that both wait for.
    await inside('first', () => engine.generate(REQUEST));
    await inside('second', () => engine.generate(REQUEST));
    expect(runs).toEqual(['first/first', 'first/first', 'second/second', 'second/second']);
  });

  test('a fallback runs in the context of its call', async () => {
    const runs: string[] = [];
    setInferenceRunner(async ({ model }) => {
      runs.push(`${model} ${here()}`);
      if (model === 'first') throw Object.assign(new Error('not me'), { status: 400 });
    });
    const registration = setInferenceRunner(
      async () => {
        await turn();
        runs.push(`declines ${here()}`);
        throw new RunnerDeclinedError('not me');
      },
      { hint: 'openai' },
    );
    const stream = inside('call', () => newEngine().generateTrackedStream(REQUEST));
    await inside('consumer', () => stream.result());
    expect(runs).toEqual(['declines call/call', 'gpt-5 call/call']);
    registration.dispose();
  });

  test.each(['emitter', 'generator'])(
    'the listeners and the finally of an %s runner run in its call’s context',
    async (way) => {
      const seen: string[] = [];
      const stopped = gate();
      const listen = ({ signal }: EventEmitter) =>
        signal.addEventListener('abort', () => {
          seen.push(`listener ${here()}`);
        });
      setInferenceRunner(
        way === 'emitter'
          ? async (_request, emitter) => {
              listen(emitter);
              await emitter.emit(text('first'));
              try {
                await aborted(emitter.signal);
              } finally {
                seen.push(`finally ${here()}`);
                stopped.open();
              }
            }
          : async function* (_request, emitter) {
              listen(emitter);
              try {
                yield text('first');
                yield text('second');
              } finally {
                seen.push(`finally ${here()}`);
                stopped.open();
              }
            },
      );
      const controller = new AbortController();
      const stream = inside('call', () => newEngine().generateTrackedStream(REQUEST, { signal: controller.signal }));
      await inside('consumer', () => stream.next());
      inside('aborter', () => controller.abort());
      await stopped.promise;
      expect(seen).toEqual(['listener call/call', 'finally call/call']);
    },
  );

  test('a timeout stops a runner in the context of its call', async () => {
    const seen: string[] = [];
    setInferenceRunner(async (_request, { signal }) => {
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          seen.push(here());
          resolve();
        });
      });
    });
    const engine = newEngine({ timeouts: { idleMs: 3, firstEventMs: 3 } });
    await expect(inside('first', () => engine.generate(REQUEST))).rejects.toMatchObject({ code: 'timeout' });
    await expect(inside('second', () => engine.generate(REQUEST))).rejects.toMatchObject({ code: 'timeout' });
    expect(seen).toEqual(['first/first', 'second/second']);
  });

  test('closing the engine stops each runner in the context of its own call', async () => {
    const seen: string[] = [];
    setInferenceRunner(async (_request, emitter) => {
      emitter.signal.addEventListener('abort', () => seen.push(here()));
      await emitter.emit(text('first'));
      await emitter.cancelled();
    });
    const engine = newEngine();
    const streams = ['one', 'two'].map((name) => inside(name, () => engine.generateTrackedStream(REQUEST)));
    for (const stream of streams) await stream.next();
    await inside('closer', () => engine.close('cancel'));
    expect(seen).toEqual(['one/one', 'two/two']);
  });

  test('a promise of emit() comes back in the context of the runner', async () => {
    const seen: string[] = [];
    setInferenceRunner(async (_request, { emit }) => {
      for (let n = 0; n < 4; n += 1) {
        await emit(text(`${n}`));
        seen.push(here());
      }
    });
    const engine = newEngine({ limits: { bufferedEventsMax: 1 } });
    const stream = inside('call', () => engine.generateTrackedStream(REQUEST));
    await inside('consumer', async () => {
      for await (const _event of stream) await turn();
    });
    expect(seen).toEqual(Array.from({ length: 4 }, () => 'call/call'));
  });
});

describe('across threads', () => {
  test('the consumer stays in its context, and what its thread reads of the runner comes back there', async () => {
    await using thread = new Thread();
    await thread.ask('register', { way: 'generator', repeat: 40 });
    await inside('consumer', async () => {
      for await (const _event of newEngine().generateTrackedStream(REQUEST)) expect(here()).toBe('consumer/consumer');
      await newEngine().generate(REQUEST);
      expect(here()).toBe('consumer/consumer');
    });
  });

  test.each(['emitter', 'generator'])(
    'an %s runner hosted for another thread runs where it was registered',
    async (way) => {
      const seen: string[] = [];
      const note = () => text(`${seen.push(here())}`);
      inside('registration', () =>
        setInferenceRunner(
          way === 'emitter'
            ? async (_request, { emit }) => {
                await emit(note());
                context.enterWith('left behind');
                await turn();
                await emit(text('later'));
              }
            : async function* () {
                yield note();
                context.enterWith('left behind');
                await turn();
                yield text('later');
              },
        ),
      );
      await using thread = new Thread();
      // A call of this thread wakes first, and its context is about while the mail comes.
      await inside('mine', async () => {
        for (let calls = 0; calls < 2; calls += 1) {
          await thread.ask('open', { request: REQUEST });
          await thread.ask('result');
        }
      });
      expect(seen).toEqual(['registration/registration', 'registration/registration']);
    },
  );
});

test('a call that ends in any way leaves its consumer where it was', async () => {
  setInferenceRunner(new ScriptedRunner({ events: [text('a')], fails: new Error('no') }));
  await inside('consumer', async () => {
    const stream = newEngine().generateTrackedStream(REQUEST);
    await stream.next();
    await expect(stream.next()).rejects.toMatchObject({ code: 'runner-failed' });
    expect(here()).toBe('consumer/consumer');
    await stream.cancel();
    expect(here()).toBe('consumer/consumer');
  });
});

test.each(nodes())('contexts are kept under %s', async (node) => {
  const exit = await run('async-contexts.mjs', { node });
  expect(exit).toMatchObject({ code: 0, stderr: '' });
  expect(saidBy(exit)).toEqual([
    { way: 'emitter', runner: ['call', 'call', 'call'], consumer: ['consumer', 'consumer', 'consumer', 'consumer'] },
    { way: 'generator', runner: ['call', 'call', 'call'], consumer: ['consumer', 'consumer', 'consumer', 'consumer'] },
    { way: 'retry', runner: ['first', 'first', 'second', 'second'], timerOwner: 'none' },
    { way: 'abort', runner: ['call'] },
  ]);
});
