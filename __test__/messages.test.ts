/** What an error says: what was wrong, what was given, what is accepted. Only the parts that help are looked at. */
import { writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import {
  EventLog,
  InferenceEngine,
  LogError,
  ProtocolError,
  StreamLockedError,
  setInferenceRunner,
} from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { collect, eventsOf, rejection } from './support/collect';
import { MODEL, newEngine, REQUEST } from './support/engine';
import { all, newPath, newRecording, openLog, recordCall } from './support/log';
import { text } from './support/scripted-runner';

afterEach(() => setInferenceRunner(null).dispose());

const messageOf = async (attempt: () => unknown) => ((await rejection((async () => attempt())())) as Error).message;

function streaming(...texts: string[]) {
  setInferenceRunner(async function* () {
    yield* texts.map(text);
  });
  return newEngine().generateTrackedStream(REQUEST);
}

describe('a stream that has been read', () => {
  test('refuses a second loop, and its result is still there', async () => {
    const stream = streaming('a', 'b');
    expect(await eventsOf(stream)).toHaveLength(3);
    const { error, events } = await collect({ [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator]() });
    expect(events).toEqual([]);
    expect(error).toBeInstanceOf(StreamLockedError);
    expect((error as Error).message).toMatch(/a loop has already read this stream.*result\(\)/);
    expect((await stream.result()).text).toBe('ab');
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  test.each<[string, (stream: ReturnType<typeof streaming>) => unknown]>([
    ['a loop', (stream) => eventsOf(stream)],
    ['textStream', (stream) => all(stream.textStream)],
    ['a readable stream', (stream) => stream.toReadableStream()],
  ])('refuses %s after a loop, after a readable stream and after result()', async (_name, read) => {
    const looped = streaming('a');
    await eventsOf(looped);
    expect(await messageOf(() => read(looped))).toContain('a loop has already read this stream');

    const folded = streaming('a');
    await folded.result();
    expect(await messageOf(() => read(folded))).toContain('result()');

    const readable = streaming('a');
    for await (const _event of readable.toReadableStream());
    expect(await messageOf(() => read(readable))).toContain('a readable stream has already read');
  });

  test('refuses another loop also when the call failed, after its error was thrown', async () => {
    setInferenceRunner(async () => {
      throw new Error('no');
    });
    const stream = newEngine().generateTrackedStream(REQUEST);
    expect((await collect(stream)).error).toMatchObject({ code: 'runner-failed' });
    expect((await collect({ [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator]() })).error).toBeInstanceOf(
      StreamLockedError,
    );
  });

  test('gives a later loop what an earlier pull left, and one that was left or detached its end', async () => {
    const left = streaming('a', 'b');
    for await (const _event of left) break;
    expect(await eventsOf(left)).toEqual([]);
    const stream = streaming('a', 'b');
    await stream.next();
    expect(await eventsOf(stream)).toHaveLength(2);
    const detached = streaming('a');
    detached.detach();
    expect(await eventsOf(detached)).toEqual([]);
    await detached.result();
    expect(await eventsOf(detached)).toEqual([]);
  });
});

describe('what kind of thing is not valid', () => {
  test.each<[RegExp, () => unknown]>([
    [
      /^invalid engine options: models\[0\]\.source/,
      () => new InferenceEngine({ models: [{ id: 'm', source: 5 }] as never }),
    ],
    [/^invalid engine options: timeouts\.idleMs/, () => newEngine({ timeouts: { idleMs: 0 } })],
    [/^invalid engine options: eventLog/, () => newEngine({ eventLog: 5 } as never)],
    [/^invalid model: source\.type/, () => newEngine().registerModel({ id: 'm', source: { type: 'local' } } as never)],
    [/^invalid model: id/, () => newEngine().registerModel({ ...MODEL, id: '' })],
    [/^invalid request: prompt/, () => newEngine().generate({})],
    [/^invalid call options: retry\.attemptsMax/, () => newEngine().generate(REQUEST, { retry: { attemptsMax: 0 } })],
    [/^invalid call options: timeouts\.idle:/, () => newEngine().generate(REQUEST, { timeouts: { idle: 1 } } as never)],
    [
      /^invalid request: prompt.*; invalid call options: limits/,
      () => newEngine().generate({}, { limits: { eventBytesMax: 0 } }),
    ],
    [
      /^invalid request: prompt.*; invalid call options: limits/,
      () => newEngine().generate({ prompt: 5 } as never, { limits: { eventBytesMax: -1 } }),
    ],
    [/^invalid log options: durability/, () => EventLog.open(newPath(), { durability: 'full' } as never)],
    [/^invalid log options: key/, () => EventLog.open(newPath(), { key: new Uint8Array(3) })],
    [/^invalid filter: limit/, () => all(newEngine().eventLog.calls({ limit: -1 }))],
    [/^invalid range of events: from/, () => all(newEngine().eventLog.events('x', { from: 'a' } as never))],
    [/^invalid options of tail: from.*'end'/, () => newEngine().eventLog.tail({ from: 'end' } as never)],
    [/^invalid options of prune: .*maxAge.*maxCalls.*maxBytes/, () => newEngine().eventLog.prune({ keep: ['x'] })],
    [/^invalid target of erase: .*traceId.*tag/, () => newEngine().eventLog.erase({})],
    [/^invalid target of erase: .*not both/, () => newEngine().eventLog.erase({ tag: 'x', traceId: 'y' })],
  ])('%s', async (expected, attempt) => {
    expect(await messageOf(attempt)).toMatch(expected);
  });
});

describe('a log', () => {
  test('is not made with `new`, and the error says how it is opened', () => {
    const Constructor = EventLog as unknown as new (path?: unknown) => EventLog;
    expect(() => new Constructor('calls.db')).toThrow(/EventLog\.open\('calls\.db'\)/);
    expect(() => new Constructor()).toThrow(/EventLog\.open\(/);
    expect(() => new Constructor(1)).toThrow(TypeError);
    expect(() => new (class extends Constructor {})('x')).toThrow(TypeError);
  });

  test('says where lines go and where they come from', async () => {
    const { eventLog } = newEngine() as unknown as {
      eventLog: Record<'export' | 'import', (given?: unknown) => unknown>;
    };
    for (const given of [undefined, 'calls.jsonl', {}, 5]) {
      expect(await messageOf(() => eventLog.export(given))).toMatch(/export: .*createWriteStream/);
    }
    for (const given of [undefined, 'text', new Uint8Array(3), {}, new URL('file:///x')]) {
      expect(await messageOf(() => eventLog.import(given))).toMatch(/import: .*createReadStream/);
    }
    expect(await messageOf(() => eventLog.import(Buffer.from('{}')))).toMatch(
      /got a Buffer;.*for a Buffer pass \[buffer\]/,
    );
    expect(await messageOf(() => eventLog.import(new Uint8Array(1)))).toContain('got a Uint8Array;');
    expect(await messageOf(() => eventLog.import('{}'))).toMatch(/got a string;.*for a string pass \[text\]/);
    expect(await messageOf(() => eventLog.import(Readable.from([{ not: 'text' }])))).toMatch(
      /an object.*strings or bytes/,
    );
    expect(await eventLog.import(['{"type":"car-inference-log","version":1}\n'])).toMatchObject({ calls: 0 });
  });

  test('has failed only when it says so', async () => {
    const { engine, log, path } = await newRecording();
    await recordCall(engine);
    const file = newPath();
    writeFileSync(file, 'a shopping list, long enough to be read as the head of a database file: '.repeat(20));
    const attempts = [
      () => all(log.calls({ text: 'word' })),
      () => EventLog.open(file),
      () => EventLog.open(path, { durability: 'strict' }),
      () => all(log.calls({ cursor: 'nonsense' })),
      () => log.backup(path),
      () => log.rotateKey(new Uint8Array(32)),
    ];
    for (const attempt of attempts) expect(await messageOf(attempt)).not.toContain('event log failed');
    expect(await messageOf(attempts[0] as never)).toContain('fullTextSearch');
    expect(await messageOf(attempts[1] as never)).toContain('not an event log');
  });

  test('that was opened to be read says so of everything that writes', async () => {
    const { engine, log, path } = await newRecording();
    const traceId = await recordCall(engine);
    await log.close();
    const reader = await openLog(path, { access: 'read' });
    const lines = ['{"type":"car-inference-log","version":1}\n'];
    const attempts = [
      () => reader.prune({ maxCalls: 1 }),
      () => reader.erase({ traceId }),
      () => reader.checkpoint(new Uint8Array(32)),
      () => reader.rotateKey(new Uint8Array(32)),
    ];
    for (const attempt of attempts) {
      const error = (await rejection(attempt())) as LogError;
      expect(error).toBeInstanceOf(LogError);
      expect(error.message).toMatch(/opened with `access: 'read'`/);
      expect(error.message).not.toContain('failed');
    }
    expect(await reader.import(lines)).toMatchObject({ calls: 0 });
    setInferenceRunner(async () => {});
    const calls = new InferenceEngine({ models: [MODEL], eventLog: reader });
    expect(await messageOf(() => calls.generate(REQUEST))).toMatch(/opened with `access: 'read'`/);
  });
});

describe('an event that is not one', () => {
  const emitting = async (event: unknown) => {
    setInferenceRunner(async (_request, { emit }) => void (await emit(event as never)));
    const error = (await rejection(newEngine().generate(REQUEST))) as ProtocolError;
    expect(error).toBeInstanceOf(ProtocolError);
    return error.message;
  };

  test.each<[unknown, RegExp]>([
    [
      { type: 'text-delta', delta: 'x' },
      /'text-delta' event: text: required; it has `delta` instead; did you mean `text`/,
    ],
    [{ type: 'text-delta', textDelta: 'x' }, /'text-delta' event: text: required; it has `textDelta`/],
    [{ type: 'text-delta' }, /'text-delta' event: text: required/],
    [{ type: 'text-delta', text: 5 }, /'text-delta' event: text: expected a string, got the number 5/],
    [{ type: 'tool-call-delta', index: 0, args: '{}' }, /'tool-call-delta' event: argumentsDelta: .*`args`/],
    [{ type: 'tool-call-start', index: 0, toolName: 'f' }, /'tool-call-start' event: name: .*`toolName`/],
    [{ type: 'stop-reason', finishReason: 'stop' }, /'stop-reason' event: reason: .*`finishReason`/],
    [{ type: 'stop-reason', reason: 'tool_calls' }, /'stop-reason' event: reason: .*did you mean "tool-calls"/],
    [{ type: 'textdelta', text: 'x' }, /type: expected one of .*did you mean "text-delta"/],
    [{ text: 'x' }, /type: required, one of "text-delta"/],
  ])('%j', async (event, expected) => {
    expect(await emitting(event)).toMatch(expected);
  });
});

describe('a runner or a model that is not there', () => {
  test('an unknown hint is told beside those that have a runner', async () => {
    const registered = [
      setInferenceRunner(async () => {}, { hint: 'anthropic' }),
      setInferenceRunner(async () => {}, { hint: 'openai' }),
    ];
    const engine = new InferenceEngine({ models: [{ id: 'm', source: { type: 'delegated', hint: 'opanai' } }] });
    const message = await messageOf(() => engine.generate({ prompt: 'hi' }));
    expect(message).toMatch(/"opanai".*process-wide slot is empty.*anthropic, openai.*did you mean "openai"/);
    for (const registration of registered) registration.dispose();
    expect(await messageOf(() => engine.generate({ prompt: 'hi' }))).toMatch(/"opanai".*no hint has a runner/);
    const hintless = new InferenceEngine({ models: [{ id: 'm', source: { type: 'delegated' } }] });
    expect(await messageOf(() => hintless.generate({ prompt: 'hi' }))).toMatch(/"m" \(no hint\).*setInferenceRunner/);
  });

  test('an unknown hint is told beside those of its engine, and how to give the engine a runner', async () => {
    const registration = setInferenceRunner(async () => {}, { hint: 'anthropic' });
    const engine = new InferenceEngine({ models: [{ id: 'm', source: { hint: 'opneai' } }] });
    engine.setRunner(async () => {}, { hint: 'openai' });
    engine.setRunner(async () => {}, { hint: 'anthropic' });
    const message = await messageOf(() => engine.generate({ prompt: 'hi' }));
    expect(message).toMatch(/hints with a runner: anthropic, openai; did you mean "openai"\?/);
    expect(message).toMatch(/new InferenceEngine\(\{ runner \}\) or engine\.setRunner.*setInferenceRunner.*hint/);
    registration.dispose();
  });

  test('an unknown model is told beside the known ones, and the nearest of them', async () => {
    const models = ['gpt-5', 'gpt-5-mini', 'claude-sonnet-4-5'].map((id) => ({ ...MODEL, id }));
    const engine = new InferenceEngine({ models });
    const message = await messageOf(() => engine.generate({ ...REQUEST, model: 'claude-sonet-4-5' }));
    expect(message).toMatch(/claude-sonet-4-5.*gpt-5-mini.*did you mean "claude-sonnet-4-5"/);
    const many = Array.from({ length: 300 }, (_, index) => ({ ...MODEL, id: `model ${index}` }));
    const long = await messageOf(() => new InferenceEngine({ models: many }).generate({ ...REQUEST, model: 'x' }));
    expect(long).toMatch(/and 280 more/);
    expect(long.length).toBeLessThan(500);
  });
});
