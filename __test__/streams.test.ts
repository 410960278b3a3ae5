import { getEventListeners, once } from 'node:events';
import {
  CancelledError,
  type EventEmitter,
  InferenceError,
  InvalidRequestError,
  setInferenceRunner,
} from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { collect, eventsOf, loggedEvents, recordOf, rejection } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { gate, turn } from './support/gate';
import { aborted, done, ScriptedRunner, text } from './support/scripted-runner';

afterEach(() => setInferenceRunner(null).dispose());

const LETTERS = ['a', 'b', 'c', 'd'].map(text);

/** Emits one delta, then hangs until it is told to stop. Keeps its emitters. */
function hangingRunner() {
  const emitters: EventEmitter[] = [];
  const started = gate();
  const stopped = gate();
  setInferenceRunner(async (_request, emitter) => {
    emitters.push(emitter);
    const { signal } = emitter;
    await emitter.emit(text('first'));
    started.open();
    await aborted(signal);
    stopped.open();
  });
  return { emitters, started: started.promise, stopped: stopped.promise };
}

describe('the generator', () => {
  test.each(['emitter', 'generator'])('events of an %s runner come in order, done last and only once', async (way) => {
    setInferenceRunner(
      way === 'emitter'
        ? async (_request, { emit }) => {
            for (const letter of LETTERS) await emit(letter);
          }
        : async function* () {
            yield* LETTERS;
          },
    );
    const stream = newEngine().generateTrackedStream(REQUEST);
    expect(await eventsOf(stream)).toEqual([...LETTERS, done('abcd')]);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  test('many next() at once are answered in order', async () => {
    setInferenceRunner(async function* () {
      yield* LETTERS;
    });
    const stream = newEngine().generateTrackedStream(REQUEST);
    const answers = await Promise.all(Array.from({ length: 7 }, () => stream.next()));
    expect(answers).toEqual([
      ...[...LETTERS, done('abcd')].map((value) => ({ done: false, value })),
      { done: true, value: undefined },
      { done: true, value: undefined },
    ]);
  });

  test('of many next() at once only one gets the failure, the others end', async () => {
    setInferenceRunner(new ScriptedRunner({ events: [text('a')], fails: new Error('no') }));
    const stream = newEngine().generateTrackedStream(REQUEST);
    const answers = await Promise.allSettled(Array.from({ length: 4 }, () => stream.next()));
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
  });

  test('the error is thrown once, then the stream is over', async () => {
    setInferenceRunner(new ScriptedRunner({ fails: new Error('no') }));
    const stream = newEngine().generateTrackedStream(REQUEST);
    await expect(stream.next()).rejects.toBeInstanceOf(InferenceError);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  test('an error that nobody waited for comes after the events before it, and is thrown once', async () => {
    setInferenceRunner((_request, { emit }) => {
      for (const letter of LETTERS) emit(letter);
      throw new Error('no');
    });
    const stream = newEngine().generateTrackedStream(REQUEST);
    for (const letter of LETTERS) expect(await stream.next()).toEqual({ done: false, value: letter });
    await expect(stream.next()).rejects.toMatchObject({ code: 'runner-failed', text: 'abcd' });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  test('return() leaves: pending pulls end, the runner is aborted, later pulls are over', async () => {
    const runner = hangingRunner();
    const stream = newEngine().generateTrackedStream(REQUEST);
    await stream.next();
    const pending = stream.next();
    expect(await stream.return()).toEqual({ done: true, value: undefined });
    expect(await pending).toEqual({ done: true, value: undefined });
    await runner.stopped;
    expect(runner.emitters[0]?.signal.aborted).toBe(true);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  test('return() hands back its value', async () => {
    const stream = newEngine().generateTrackedStream(REQUEST);
    expect(await stream.return('x' as never)).toEqual({ done: true, value: 'x' });
  });

  test('return() before the first pull starts nothing', async () => {
    const runner = new ScriptedRunner();
    setInferenceRunner(runner);
    const stream = newEngine().generateTrackedStream(REQUEST);
    await stream.return();
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    await turn();
    expect(runner.runs).toHaveLength(0);
  });

  test('throw() leaves and rejects with the very error', async () => {
    const runner = hangingRunner();
    const stream = newEngine().generateTrackedStream(REQUEST);
    await stream.next();
    const error = new Error('mine');
    expect(await rejection(stream.throw(error))).toBe(error);
    await runner.stopped;
  });

  test('leaving the loop aborts the signal of the runner', async () => {
    const runner = hangingRunner();
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST);
    for await (const event of stream) {
      expect(event).toEqual(text('first'));
      break;
    }
    await runner.stopped;
    expect(runner.emitters[0]?.signal.reason).toBeInstanceOf(CancelledError);
    expect(await recordOf(engine, stream)).toMatchObject({ status: 'cancelled', text: 'first' });
  });

  test("leaving the loop runs the generator runner's finally", async () => {
    const seen: string[] = [];
    setInferenceRunner(async function* (_request, emitter) {
      try {
        yield text('a');
        seen.push('never reached');
        yield text('b');
      } finally {
        await turn();
        seen.push(`finally, closed: ${emitter.isClosed}`);
      }
    });
    for await (const _event of newEngine().generateTrackedStream(REQUEST)) break;
    expect(seen).toEqual(['finally, closed: true']);
  });

  test('await using cancels what is still running at the end of the block', async () => {
    const runner = hangingRunner();
    {
      await using stream = newEngine().generateTrackedStream(REQUEST);
      await stream.next();
    }
    expect(runner.emitters[0]?.signal.aborted).toBe(true);
  });

  test('a stream that is through can be left any number of times', async () => {
    setInferenceRunner(new ScriptedRunner({ events: [text('a')] }));
    const stream = newEngine().generateTrackedStream(REQUEST);
    await eventsOf(stream);
    await stream.return();
    await stream.cancel('late');
    stream.detach();
    expect((await stream.result()).text).toBe('a');
  });
});

describe('starting', () => {
  test('nothing starts before the first pull', async () => {
    const runner = new ScriptedRunner({ events: [text('x')] });
    setInferenceRunner(runner);
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST);
    expect(stream.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(stream.modelUsed).toBe('gpt-5');
    const iterator = stream[Symbol.asyncIterator]();
    await turn();
    expect(runner.runs).toHaveLength(0);
    expect(await Array.fromAsync(engine.eventLog.calls())).toEqual([]);
    await iterator.next();
    expect(runner.runs).toHaveLength(1);
  });

  test('an already aborted signal never reaches the runner', async () => {
    const runner = new ScriptedRunner({ events: [text('x')] });
    setInferenceRunner(runner);
    const reason = new Error('changed my mind');
    const stream = newEngine().generateTrackedStream(REQUEST, { signal: AbortSignal.abort(reason) });
    expect(await rejection(stream.next())).toBe(reason);
    expect(await rejection(stream.result())).toBe(reason);
    await turn();
    expect(runner.runs).toHaveLength(0);
  });

  test('a signal that aborts before the first pull never reaches the runner either', async () => {
    const runner = new ScriptedRunner({ events: [text('x')] });
    setInferenceRunner(runner);
    const controller = new AbortController();
    const stream = newEngine().generateTrackedStream(REQUEST, { signal: controller.signal });
    expect(stream.traceId).not.toBe('');
    controller.abort('why');
    expect(await rejection(stream.next())).toBe('why');
    expect(runner.runs).toHaveLength(0);
  });
});

describe('the result', () => {
  test('alone starts the call and takes the events itself', async () => {
    setInferenceRunner(new ScriptedRunner({ events: LETTERS }));
    const stream = newEngine({ limits: { bufferedEventsMax: 1 } }).generateTrackedStream(REQUEST);
    expect(await stream.result()).toMatchObject({ text: 'abcd', toolCalls: [], traceId: stream.traceId });
  });

  test('beside a loop that begins in the same tick loses no event', async () => {
    setInferenceRunner(new ScriptedRunner({ events: LETTERS }));
    const stream = newEngine().generateTrackedStream(REQUEST);
    const result = stream.result();
    expect(await eventsOf(stream)).toEqual([...LETTERS, done('abcd')]);
    expect((await result).text).toBe('abcd');
  });

  test('is the same promise each time, and there after the loop', async () => {
    setInferenceRunner(new ScriptedRunner({ events: LETTERS }));
    const stream = newEngine().generateTrackedStream(REQUEST);
    await eventsOf(stream);
    expect(stream.result()).toBe(stream.result());
    expect((await stream.result()).text).toBe('abcd');
  });

  test('rejects with the very error that the loop throws', async () => {
    setInferenceRunner(new ScriptedRunner({ fails: new Error('no') }));
    const stream = newEngine().generateTrackedStream(REQUEST);
    const { error } = await collect(stream);
    expect(await rejection(stream.result())).toBe(error);
  });

  test('of a stream that was left rejects with a CancelledError that has the partial text', async () => {
    hangingRunner();
    const stream = newEngine().generateTrackedStream(REQUEST);
    await stream.next();
    await stream.return();
    const error = await rejection(stream.result());
    expect(error).toBeInstanceOf(CancelledError);
    expect(error).toMatchObject({ text: 'first', traceId: stream.traceId });
  });
});

describe('other ways to read', () => {
  test('textStream yields the text alone', async () => {
    setInferenceRunner(new ScriptedRunner({ events: [text('a'), { type: 'usage', inputTokens: 1 }, text('b')] }));
    expect(await Array.fromAsync(newEngine().generateTrackedStream(REQUEST).textStream)).toEqual(['a', 'b']);
  });

  test('textStream yields the text that a runner only returned', async () => {
    setInferenceRunner(async () => ({ text: 'whole' }));
    expect(await Array.fromAsync(newEngine().generateTrackedStream(REQUEST).textStream)).toEqual(['whole']);
  });

  test('leaving textStream cancels the runner', async () => {
    const runner = hangingRunner();
    for await (const _text of newEngine().generateTrackedStream(REQUEST).textStream) break;
    await runner.stopped;
  });

  test('toReadableStream delivers the events and closes', async () => {
    setInferenceRunner(new ScriptedRunner({ events: LETTERS }));
    const readable = newEngine().generateTrackedStream(REQUEST).toReadableStream();
    expect(await Array.fromAsync(readable)).toEqual([...LETTERS, done('abcd')]);
  });

  describe("toReadableStream({ as: 'bytes' })", () => {
    test('goes into a Response: one line of JSON an event', async () => {
      const events = [text('a\nb'), text('ä😀'), { type: 'usage' as const, inputTokens: 1 }];
      setInferenceRunner(new ScriptedRunner({ events }));
      const body = newEngine().generateTrackedStream(REQUEST).toReadableStream({ as: 'bytes' });
      const lines = (await new Response(body).text()).split('\n');
      expect(lines.pop()).toBe('');
      expect(lines.map((line) => JSON.parse(line))).toEqual([...events, done('a\nbä😀')]);
    });

    test('is as slow as its reader, and starts nothing before it is read', async () => {
      const runner = new ScriptedRunner({ events: LETTERS });
      setInferenceRunner(runner);
      const reader = newEngine().generateTrackedStream(REQUEST).toReadableStream({ as: 'bytes' }).getReader();
      await turn();
      expect(runner.runs).toHaveLength(0);
      expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('{"type":"text-delta","text":"a"}\n');
      await reader.cancel();
    });

    test('breaks off with the error of a failed call', async () => {
      setInferenceRunner(new ScriptedRunner({ events: LETTERS, fails: new Error('no') }));
      const body = newEngine().generateTrackedStream(REQUEST).toReadableStream({ as: 'bytes' });
      expect(await rejection(new Response(body).text())).toMatchObject({ code: 'runner-failed' });
    });

    test('a Response that is cancelled cancels the runner', async () => {
      const runner = hangingRunner();
      const body = newEngine().generateTrackedStream(REQUEST).toReadableStream({ as: 'bytes' });
      const reader = new Response(body).body?.getReader();
      await reader?.read();
      await reader?.cancel();
      await runner.stopped;
    });

    test.each<[string, unknown]>([
      ['an unknown form', { as: 'text' }],
      ['a number', { as: 5 }],
      ['options that are a word', 'bytes'],
      ['null', null],
    ])('is refused with %s, and the stream can still be read', async (_name, options) => {
      setInferenceRunner(new ScriptedRunner({ events: LETTERS }));
      const stream = newEngine().generateTrackedStream(REQUEST);
      expect(() => stream.toReadableStream(options as never)).toThrow(InvalidRequestError);
      expect(() => stream.toReadableStream(options as never)).toThrow(/bytes/);
      expect(await eventsOf(stream)).toHaveLength(5);
    });

    test('is what the error says when a Response is given the events, which starts no call', async () => {
      const runner = new ScriptedRunner({ events: LETTERS });
      setInferenceRunner(runner);
      const response = new Response(newEngine().generateTrackedStream(REQUEST).toReadableStream());
      expect(await rejection(response.text())).toMatchObject({ message: expect.stringContaining("as: 'bytes'") });
      expect(runner.runs).toHaveLength(0);
    });

    test('is what the error says when a request is given the events', async () => {
      setInferenceRunner(new ScriptedRunner({ events: LETTERS }));
      const body = newEngine().generateTrackedStream(REQUEST).toReadableStream();
      const init: RequestInit & { duplex: 'half' } = { method: 'POST', body: body as never, duplex: 'half' };
      expect(await rejection(new Request('http://localhost', init).text())).toMatchObject({
        message: expect.stringContaining("as: 'bytes'"),
      });
    });

    test("is not needed where a host's own stream makes bytes of the events", async () => {
      setInferenceRunner(new ScriptedRunner({ events: LETTERS }));
      const reader = newEngine().generateTrackedStream(REQUEST).toReadableStream().getReader();
      const body = new ReadableStream({
        async pull(controller) {
          const { done: isOver, value } = await reader.read();
          if (isOver) controller.close();
          else controller.enqueue(new TextEncoder().encode(value.type));
        },
      });
      expect(await new Response(body).text()).toBe('text-delta'.repeat(4).concat('done'));
    });
  });

  test('toReadableStream starts nothing before it is read', async () => {
    const runner = new ScriptedRunner({ events: LETTERS });
    setInferenceRunner(runner);
    newEngine().generateTrackedStream(REQUEST).toReadableStream();
    await turn();
    expect(runner.runs).toHaveLength(0);
  });

  test('a failed call errors its ReadableStream', async () => {
    const cause = new Error('no');
    setInferenceRunner(new ScriptedRunner({ fails: cause }));
    const reader = newEngine().generateTrackedStream(REQUEST).toReadableStream().getReader();
    expect(await rejection(reader.read())).toMatchObject({ code: 'runner-failed', cause });
  });

  test('cancelling the ReadableStream cancels the runner with the reason', async () => {
    const runner = hangingRunner();
    const reader = newEngine().generateTrackedStream(REQUEST).toReadableStream().getReader();
    await reader.read();
    const reason = new Error('closed the tab');
    await reader.cancel(reason);
    await runner.stopped;
    expect(runner.emitters[0]?.signal.reason.cause).toBe(reason);
  });

  test('a loop after the ReadableStream was cancelled is told of that, and not that somebody else reads', async () => {
    hangingRunner();
    const stream = newEngine().generateTrackedStream(REQUEST);
    const reader = stream.toReadableStream().getReader();
    await reader.read();
    const cancelled = reader.cancel('enough');
    expect(await rejection(eventsOf(stream))).toMatchObject({ code: 'cancelled', cause: 'enough' });
    await cancelled;
  });
});

describe('cancelling', () => {
  test('cancel(reason) throws a CancelledError whose cause is the reason, with the partial text and usage', async () => {
    const ready = gate();
    setInferenceRunner(async (_request, { emit, cancelled }) => {
      await emit(text('half'));
      await emit({ type: 'usage', inputTokens: 7 });
      ready.open();
      await cancelled();
    });
    const stream = newEngine().generateTrackedStream(REQUEST);
    await stream.next();
    await ready.promise;
    const reason = { why: 'enough' };
    await stream.cancel(reason);
    const error = await rejection(stream.next());
    expect(error).toBeInstanceOf(CancelledError);
    expect(error).toMatchObject({ code: 'cancelled', text: 'half', usage: { inputTokens: 7 } });
    expect((error as Error).cause).toBe(reason);
  });

  test('cancelling comes too late once done was emitted: the whole answer is delivered', async () => {
    const emitted = gate();
    setInferenceRunner(async (_request, { emit, cancelled }) => {
      for (const event of [...LETTERS, done('abcd')]) emit(event);
      emitted.open();
      await cancelled();
    });
    const stream = newEngine().generateTrackedStream(REQUEST);
    await stream.next();
    await emitted.promise;
    await stream.cancel('late');
    expect(await eventsOf(stream)).toEqual([...LETTERS.slice(1), done('abcd')]);
    expect((await stream.result()).text).toBe('abcd');
  });

  test('cancel() before the start never calls the runner', async () => {
    const runner = new ScriptedRunner();
    setInferenceRunner(runner);
    const stream = newEngine().generateTrackedStream(REQUEST);
    await stream.cancel('no');
    await expect(stream.next()).rejects.toMatchObject({ code: 'cancelled', cause: 'no' });
    expect(runner.runs).toHaveLength(0);
  });

  test('cancelled() tells the runner the reason', async () => {
    const told = gate<unknown>();
    setInferenceRunner(async (_request, { emit, cancelled }) => {
      await emit(text('a'));
      told.open(await cancelled());
    });
    const stream = newEngine().generateTrackedStream(REQUEST);
    await stream.next();
    await stream.cancel('enough');
    expect(await told.promise).toMatchObject({ code: 'cancelled', cause: 'enough' });
  });

  test.each([
    ['an error', new Error('mine')],
    ['a string', 'why'],
    ['undefined, which is a DOMException', undefined],
  ])("an abort in mid-stream throws the signal's very reason: %s", async (_name, given) => {
    const runner = hangingRunner();
    const controller = new AbortController();
    const stream = newEngine().generateTrackedStream(REQUEST, { signal: controller.signal });
    await stream.next();
    const pending = rejection(stream.next());
    controller.abort(given);
    expect(await pending).toBe(controller.signal.reason);
    expect(runner.emitters[0]?.signal.reason).toBe(controller.signal.reason);
  });

  test('an abort drops events that were not yet taken', async () => {
    const runner = hangingRunner();
    const controller = new AbortController();
    const stream = newEngine().generateTrackedStream(REQUEST, { signal: controller.signal });
    stream.toReadableStream();
    const first = stream.next();
    await runner.started;
    runner.emitters[0]?.emit(text('waits'));
    controller.abort('stop');
    await first;
    expect(await rejection(stream.next())).toBe('stop');
  });

  test('no abort listener outlives its call, however the call ends', async () => {
    const { signal } = new AbortController();
    const engine = newEngine();
    setInferenceRunner(new ScriptedRunner({ events: LETTERS }));
    const stream = engine.generateTrackedStream(REQUEST, { signal });
    await stream.next();
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await eventsOf(stream);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);

    setInferenceRunner(new ScriptedRunner({ fails: new Error('no') }));
    await collect(engine.generateTrackedStream(REQUEST, { signal }));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);

    hangingRunner();
    for await (const _event of engine.generateTrackedStream(REQUEST, { signal })) break;
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);

    engine.generateTrackedStream(REQUEST, { signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('an aborted signal keeps no listener either', async () => {
    const controller = new AbortController();
    hangingRunner();
    const stream = newEngine().generateTrackedStream(REQUEST, { signal: controller.signal });
    await stream.next();
    controller.abort();
    await collect(stream);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  test('a runner that emits on and on after done, without a turn of the loop, is sealed off after the grace', async () => {
    setInferenceRunner(async (_request, { emit }) => {
      await emit(done(''));
      while ((await emit(text('more'))) !== 'closed') {}
    });
    const engine = newEngine({ timeouts: { graceMs: 5 } });
    expect(await eventsOf(engine.generateTrackedStream(REQUEST))).toEqual([done('')]);
    await engine.close();
  });

  describe('a runner that never lets the loop turn', () => {
    const spins = (event: unknown) =>
      setInferenceRunner(async (_request, { emit }) => {
        while ((await emit(event as never)) !== 'closed') {}
      });

    test('ends with its own error when it emits nonsense', async () => {
      spins({ type: 'bogus' });
      const { error } = await collect(newEngine({ timeouts: { graceMs: 5 } }).generateTrackedStream(REQUEST));
      expect(error).toMatchObject({ code: 'protocol' });
    });

    test('is sealed off when its consumer has left', async () => {
      let goOn = true;
      setInferenceRunner(async (_request, { emit }) => {
        while (goOn) await emit(text('x'));
      });
      const stream = newEngine({ timeouts: { graceMs: 5 } }).generateTrackedStream(REQUEST);
      for await (const _event of stream) break;
      goOn = false;
    });

    test('meets the total timeout', async () => {
      spins(text('x'));
      const { error } = await collect(
        newEngine({ timeouts: { totalMs: 5, graceMs: 5 } }).generateTrackedStream(REQUEST),
      );
      expect(error).toMatchObject({ code: 'timeout', kind: 'total' });
    });

    test('meets the total timeout as a generator too', async () => {
      setInferenceRunner(async function* () {
        for (;;) yield text('x');
      });
      const { error } = await collect(
        newEngine({ timeouts: { totalMs: 5, graceMs: 5 } }).generateTrackedStream(REQUEST),
      );
      expect(error).toMatchObject({ code: 'timeout', kind: 'total' });
    });
  });

  test('a signal that throws does not keep its call from ending', async () => {
    const warned = once(process, 'warning');
    const throwing = () => {
      throw new Error('broken signal');
    };
    setInferenceRunner(new ScriptedRunner({ events: LETTERS }));
    const engine = newEngine();
    const removing = { aborted: false, addEventListener() {}, removeEventListener: throwing };
    const stream = engine.generateTrackedStream(REQUEST, { signal: removing as never });
    expect(await eventsOf(stream)).toEqual([...LETTERS, done('abcd')]);
    expect((await stream.result()).text).toBe('abcd');
    expect((await warned)[0]).toMatchObject({ message: 'broken signal' });

    const adding = { aborted: false, addEventListener: throwing, removeEventListener() {} };
    const { error } = await collect(engine.generateTrackedStream(REQUEST, { signal: adding as never }));
    expect(error).toMatchObject({ code: 'internal', message: 'broken signal' });
    await engine.close();
  });

  test('a runner that ignores the abort is sealed off after the grace period', async () => {
    const late = gate();
    let outcome: unknown;
    setInferenceRunner(async (_request, { emit }) => {
      await emit(text('a'));
      await late.promise;
      outcome = emit(text('too late'));
    });
    const engine = newEngine({ timeouts: { graceMs: 5 } });
    const stream = engine.generateTrackedStream(REQUEST);
    await stream.next();
    await stream.cancel();
    await expect(stream.next()).rejects.toBeInstanceOf(CancelledError);
    late.open();
    await turn();
    expect(outcome).toBe('closed');
    expect(await loggedEvents(engine, stream)).toEqual([text('a')]);
    expect((await recordOf(engine, stream)).notes).toMatchObject([{ code: 'sealed-off' }]);
  });
});

describe('detaching', () => {
  test.each(['emitter', 'generator'])(
    'a detached call of an %s runner runs on, is logged, and keeps its result',
    async (way) => {
      const go = gate();
      const emitters: EventEmitter[] = [];
      setInferenceRunner(
        way === 'emitter'
          ? async (_request, emitter) => {
              emitters.push(emitter);
              await emitter.emit(text('a'));
              await go.promise;
              await emitter.emit(text('b'));
            }
          : async function* (_request, emitter) {
              emitters.push(emitter);
              yield text('a');
              await go.promise;
              yield text('b');
            },
      );
      const engine = newEngine();
      const stream = engine.generateTrackedStream(REQUEST);
      await stream.next();
      const pending = stream.next();
      stream.detach();
      expect(await pending).toEqual({ done: true, value: undefined });
      expect(await stream.next()).toEqual({ done: true, value: undefined });
      await stream.return();
      go.open();
      expect((await stream.result()).text).toBe('ab');
      expect(emitters[0]?.signal.aborted).toBe(false);
      expect(await loggedEvents(engine, stream)).toEqual([text('a'), text('b'), done('ab')]);
    },
  );

  test('detach() alone starts the call', async () => {
    setInferenceRunner(new ScriptedRunner({ events: LETTERS }));
    const engine = newEngine();
    const stream = engine.generateTrackedStream(REQUEST);
    stream.detach();
    await engine.close('drain');
    expect(await recordOf(engine, stream)).toMatchObject({ status: 'done', text: 'abcd' });
  });

  test('detach() alone lets a runner emit as much as it likes at once', async () => {
    setInferenceRunner(async (_request, { emit }) => {
      for (const letter of 'abcdef') expect(emit(text(letter))).toBe('delivered');
    });
    const engine = newEngine({ limits: { bufferedEventsMax: 1, unawaitedEventsMax: 1 } });
    const stream = engine.generateTrackedStream(REQUEST);
    stream.detach();
    expect((await stream.result()).text).toBe('abcdef');
  });
});
