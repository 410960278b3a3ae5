/** Calls out of a log and into another, as JSON Lines through streams of every kind. */
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { type CallRecord, type EventLog, setInferenceRunner } from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { rejection } from './support/collect';
import { newEngine, REQUEST } from './support/engine';
import { turn } from './support/gate';
import {
  all,
  echo,
  engineOf,
  eventsIn,
  logError,
  newFolder,
  newRecording,
  openLog,
  recordCall,
  recordCalls,
  refsOf,
} from './support/log';

afterEach(() => setInferenceRunner(null).dispose());

/** A stream that takes little at once, and later. */
function narrow(highWaterMark = 1): Writable & { text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    highWaterMark,
    write(chunk, _encoding, done) {
      chunks.push(chunk);
      setImmediate(done);
    },
  });
  return Object.assign(stream, { text: () => Buffer.concat(chunks).toString() });
}

async function exported(log: EventLog, filter = {}): Promise<string> {
  const stream = narrow();
  await log.export(stream, filter);
  return stream.text();
}

/** Bytes in pieces of so many, which cut characters. */
async function* pieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield new Uint8Array(bytes.subarray(at, at + size));
}

/** The same, in the views that a `ReadableStream` or a socket may give. */
async function* views(text: string): AsyncGenerator<Uint8Array> {
  for await (const { buffer } of pieces(text, 1_001)) {
    yield new DataView(buffer) as never;
    yield new ArrayBuffer(0) as never;
  }
}

/** What of a call another log has too: all but its place in it. */
const portable = ({ cursor: _cursor, ...call }: CallRecord) => call;

async function everything(log: EventLog): Promise<unknown[]> {
  const calls = await all(log.calls({ order: 'oldest' }));
  return Promise.all(calls.map(async (call) => [portable(call), await eventsIn(log, call.traceId)]));
}

const WORDS = 'grüße 世界 👩‍👩‍👧 "quoted" \\back\\ \u2028 end';

/** Calls of every ending. */
async function recordAll(log: EventLog): Promise<void> {
  const engine = engineOf(log);
  setInferenceRunner(echo);
  await recordCall(engine, { clientRef: 'done', prompt: WORDS, tags: ['Ä'], conversationId: 'c' });
  const stream = engine.generateTrackedStream({ ...REQUEST, clientRef: 'cancelled', prompt: 'a b' });
  await stream.next();
  await stream.return();
  setInferenceRunner(async () => {
    throw Object.assign(new Error('nö'), { status: 500, code: 'E' });
  });
  await rejection(recordCall(engine, { clientRef: 'failed' }));
  setInferenceRunner(echo);
}

describe('what is exported', () => {
  test('comes back in another log as it was, event by event', async () => {
    const log = await openLog();
    await recordAll(log);
    const lines = await exported(log);
    for (const target of [
      await openLog(),
      newEngine().eventLog,
      await openLog(undefined, { key: new Uint8Array(32) }),
    ]) {
      expect(await target.import(Readable.from([lines]))).toEqual({ calls: 3, known: 0 });
      expect(await everything(target)).toEqual(await everything(log));
      expect(await exported(target)).toBe(lines);
    }
  });

  test('is JSON Lines, a header first, the oldest call before the others', async () => {
    const { log, engine } = await newRecording();
    await recordCalls(engine, 3);
    const lines = (await exported(log)).split('\n');
    expect(lines.pop()).toBe('');
    const parsed = lines.map((line) => JSON.parse(line));
    expect(parsed[0]).toEqual({ type: 'car-inference-log', version: 1 });
    const kinds = parsed.slice(1).map(({ type }) => type);
    expect(kinds).toEqual(Array(3).fill(['call', 'event', 'event', 'end']).flat());
    const refs = parsed.filter(({ type }) => type === 'call').map(({ request }) => request.clientRef);
    expect(refs).toEqual(['0', '1', '2']);
  });

  test('is what the filter asks for, in the order that it says, without what is open or erased', async () => {
    const { log, engine } = await newRecording();
    const [, second] = await recordCalls(engine, 4);
    await log.erase({ traceId: second as string });
    const open = engine.generateTrackedStream({ ...REQUEST, clientRef: 'open' });
    await open.next();
    const refs = async (filter: object) => {
      const target = newEngine().eventLog;
      const stream = new PassThrough();
      const importing = target.import(stream);
      const { calls } = await log.export(stream, filter);
      stream.end();
      expect(await importing).toEqual({ calls, known: 0 });
      return refsOf(target.calls({ order: 'oldest' }));
    };
    expect(await refs({})).toEqual(['0', '2', '3']);
    const lines = (await exported(log, { order: undefined }))
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    expect(lines.filter(({ type }) => type === 'call').map(({ request }) => request.clientRef)).toEqual([
      '0',
      '2',
      '3',
    ]);
    expect(await refs({ limit: 2, order: 'newest' })).toEqual(['3']);
    expect(await refs({ clientRef: '2' })).toEqual(['2']);
    expect(await refs({ status: 'failed' })).toEqual([]);
    await open.return();
  });

  test('of an empty log is a header, which is taken', async () => {
    const log = await openLog();
    const lines = await exported(log);
    expect(lines.split('\n').length).toBe(2);
    expect(await log.import(Readable.from([lines]))).toEqual({ calls: 0, known: 0 });
  });

  test('goes to a file, more of it than one page holds', async () => {
    const { log, engine } = await newRecording();
    await recordCalls(engine, 120);
    const path = join(newFolder(), 'calls.jsonl');
    const stream = createWriteStream(path);
    expect(await log.export(stream)).toEqual({ calls: 120 });
    await new Promise((resolve) => stream.end(resolve));
    const target = await openLog();
    expect(await target.import(Readable.from([readFileSync(path)]))).toEqual({ calls: 120, known: 0 });
    expect(await target.verify()).toMatchObject({ ok: true, calls: 120 });
  });
});

describe('a stream that is written to', () => {
  test('is waited for: no more is written than it takes', async () => {
    const { log, engine } = await newRecording();
    await recordCalls(engine, 20);
    let most = 0;
    let written = 0;
    const stream: Writable = new Writable({
      highWaterMark: 1,
      write(_chunk, _encoding, done) {
        written += 1;
        most = Math.max(most, stream.writableLength);
        setImmediate(done);
      },
    });
    await log.export(stream);
    // A header, then call by call.
    expect(written).toBe(21);
    expect(most).toBeLessThan(1_500);
    expect(stream.writableEnded).toBe(false);
    for (const event of ['error', 'close', 'drain']) expect(stream.listenerCount(event)).toBe(0);
  });

  test.each<[string, () => Writable, RegExp]>([
    ['cannot be opened', () => createWriteStream(join(newFolder(), 'none', 'calls.jsonl')), /ENOENT/],
    ['fails at once', () => new Writable({ write: (_chunk, _encoding, done) => done(new Error('full')) }), /full/],
    [
      'fails later, and takes much until then',
      () => {
        let left = 3;
        const write = (_chunk: unknown, _encoding: unknown, done: (error?: Error) => void) =>
          setImmediate(() => (left-- > 0 ? done() : done(new Error('full'))));
        return new Writable({ highWaterMark: 1, write });
      },
      /full/,
    ],
    [
      'throws',
      () =>
        new Writable({
          write() {
            throw new Error('full');
          },
        }),
      /full/,
    ],
    [
      'is destroyed meanwhile',
      () => {
        const stream: Writable = new Writable({ highWaterMark: 1, write: () => setImmediate(() => stream.destroy()) });
        return stream;
      },
      /closed before it took everything/,
    ],
    ['was destroyed', () => new Writable().destroy(), /closed/],
    ['was ended', () => new PassThrough().end(), /closed|after end/],
    ['failed before', () => new Writable().on('error', () => {}).destroy(new Error('long ago')), /long ago/],
  ])('and %s rejects the export with its error, which is nobody else’s', async (_name, make, message) => {
    const { log, engine } = await newRecording();
    await recordCalls(engine, 10);
    const stream = make();
    const errors: Error[] = [];
    const uncaught = (error: Error) => errors.push(error);
    process.on('uncaughtException', uncaught);
    try {
      expect(await rejection(log.export(stream))).toMatchObject({ message: expect.stringMatching(message) });
      await turn();
      expect(errors).toEqual([]);
    } finally {
      process.off('uncaughtException', uncaught);
    }
    // And the log is none the worse for it.
    expect((await exported(log)).length).toBeGreaterThan(1_000);
  });
});

describe('what is imported', () => {
  test.each([1, 2, 3, 7, 64, 1_000_000])('may come in pieces of %i bytes, which cut characters', async (size) => {
    const source = await openLog();
    await recordAll(source);
    const target = newEngine().eventLog;
    expect(await target.import(pieces(await exported(source), size))).toEqual({ calls: 3, known: 0 });
    expect(await everything(target)).toEqual(await everything(source));
  });

  test('may be text, bytes or a Readable, with or without a last line feed, with Windows’ line ends, with empty lines', async () => {
    const { log, engine } = await newRecording();
    await recordCalls(engine, 2);
    const lines = await exported(log);
    const readable = new Readable({ highWaterMark: 1, read() {} });
    for (const byte of Buffer.from(lines)) readable.push(Buffer.from([byte]));
    readable.push(null);
    const forms: Array<[string, AsyncIterable<string | Uint8Array>]> = [
      ['text', Readable.from([...lines])],
      ['bytes', Readable.from([Buffer.from(lines)])],
      ['a Readable', readable],
      ['a byte order mark', Readable.from([`\ufeff${lines}`])],
      ['a byte order mark in bytes', pieces(`\ufeff${lines}`, 1_000)],
      ['a byte order mark that is cut', pieces(`\ufeff${lines}`, 1)],
      ['a byte order mark alone', Readable.from(['\ufeff', lines])],
      ['what an editor of Windows saves', pieces(`\ufeff${lines.trimEnd().replaceAll('\n', '\r\n')}`, 2)],
      ['a line end that is cut', Readable.from(lines.replaceAll('\n', '\r\n').split(/(?<=\r)/))],
      ['two files that were joined', Readable.from([`\ufeff${lines}`, `\ufeff${lines.split('\n')[0]}\n`])],
      ['blank lines at the end', Readable.from([`${lines}\r\n\n  \n`])],
      ['text and bytes in turn', Readable.from([lines.slice(0, 500), Buffer.from(lines.slice(500))])],
      ['other views of bytes', views(lines)],
      ['no last line feed', Readable.from([lines.trimEnd()])],
      ['Windows', Readable.from([lines.replaceAll('\n', '\r\n')])],
      ['empty lines', Readable.from([`\n\n${lines.replaceAll('\n', '\n\n')}`])],
      ['unknown lines', Readable.from([lines.replaceAll('\n', '\n{"type":"from-the-future"}\n')])],
    ];
    for (const [name, form] of forms) {
      expect([name, await newEngine().eventLog.import(form)]).toEqual([name, { calls: 2, known: 0 }]);
    }
  });

  test('is left alone where its trace id is known already', async () => {
    const { log, engine } = await newRecording();
    await recordCalls(engine, 2);
    const lines = await exported(log);
    const target = await openLog();
    expect(await target.import(Readable.from([lines]))).toEqual({ calls: 2, known: 0 });
    await recordCalls(engine, 1);
    const more = await exported(log);
    expect(await target.import(Readable.from([more]))).toEqual({ calls: 1, known: 2 });
    expect(await target.import(Readable.from([more]))).toEqual({ calls: 0, known: 3 });
    expect(await log.import(Readable.from([more]))).toEqual({ calls: 0, known: 3 });
    expect(await target.verify()).toMatchObject({ ok: true, calls: 3 });
  });

  test('does not mix with what is imported beside it, piece by piece', async () => {
    const sources: EventLog[] = [];
    for (const letter of 'xyz') {
      const { log, engine } = await newRecording({ redaction: { builtin: false } });
      // More than is given to the log at once, which cuts it.
      await recordCall(engine, { prompt: letter.repeat(600_000) });
      await recordCalls(engine, 3);
      sources.push(log);
    }
    const lines = await Promise.all(sources.map((log) => exported(log)));
    const target = await openLog(undefined, { redaction: { builtin: false } });
    const broken = (lines[0] as string).slice(0, 1_300_000);
    const reports = await Promise.allSettled([
      ...lines.map((text) => target.import(pieces(text, 100_000))),
      target.import(pieces(broken, 50_000)),
    ]);
    expect(reports.map(({ status }) => status)).toEqual([...lines.map(() => 'fulfilled'), 'rejected']);
    const found = new Set((await all(target.calls())).map(({ traceId }) => traceId));
    for (const log of sources) for (const { traceId } of await all(log.calls())) expect(found).toContain(traceId);
    expect(found.size).toBe(12);
    expect(await target.verify()).toMatchObject({ ok: true, calls: 12 });
  }, 30_000);

  test.each<[string, (lines: string[]) => string[], number, RegExp]>([
    ['no header', (lines) => lines.slice(1), 1, /header/],
    ['no JSON', (lines) => [...lines.slice(0, 5), '{"type":', ...lines.slice(5)], 6, /no JSON/],
    ['fields that are missing', (lines) => [...lines, '{"type":"call","traceId":5}'], 10, /fields.*model: required/],
    ['an event of no call', (lines) => [lines[0] as string, lines[2] as string], 2, /event of no call/],
    ['a call within a call', (lines) => [...lines.slice(0, 3), lines[1] as string], 4, /has no end/],
    ['an end that is missing', (lines) => lines.slice(0, -1), 8, /has no end/],
    ['an event that is missing', (lines) => lines.toSpliced(2, 1), 3, /seq: expected 1, got 2/],
    ['a later version', (lines) => lines.with(0, '{"type":"car-inference-log","version":99}'), 1, /update/],
    ['bytes that are no text', (lines) => ['\u0000\ufffd', ...lines], 1, /no JSON/],
    [
      'a tag that is a number',
      (lines) => lines.with(1, (lines[1] as string).replace('"request":{', '"request":{"tags":[5],')),
      2,
      /request\.tags\[0\]: expected a string, got the number 5/,
    ],
  ])('with %s is refused at its line; calls before it were taken', async (_name, spoil, line, message) => {
    const { log, engine } = await newRecording();
    await recordCalls(engine, 2);
    const lines = (await exported(log)).trimEnd().split('\n');
    expect(lines.length).toBe(9);
    const target = await openLog();
    const spoilt = spoil(lines).join('\n');
    const error = (await rejection(target.import(Readable.from([spoilt])))) as Error;
    expect(error).toMatchObject(logError(/update/.test(error.message) ? 'newer-version' : 'invalid-input'));
    expect(error.message).toContain(`line ${line}: `);
    expect(error.message).toMatch(message);
    // What was whole is there, nothing else, and the log takes the rest another time.
    const calls = await all(target.calls());
    expect(calls.length).toBe(line > 5 ? (line === 10 ? 2 : 1) : 0);
    expect(await target.import(Readable.from([lines.join('\n')]))).toEqual({
      calls: 2 - calls.length,
      known: calls.length,
    });
    expect(await target.verify()).toMatchObject({ ok: true, calls: 2 });
  });

  const utf16 = (text: string, mark: string) => Buffer.from(mark + text, 'utf16le');
  test.each<[string, (lines: string) => Buffer, number, RegExp]>([
    ['UTF-16', (lines) => utf16(lines, '\ufeff'), 1, /UTF-16; save it as UTF-8/],
    ['UTF-16 of the other order', (lines) => utf16(lines, '\ufeff').swap16(), 1, /UTF-16; save it as UTF-8/],
    ['UTF-16 without a mark', (lines) => utf16(lines, ''), 1, /UTF-16; save it as UTF-8/],
    ['UTF-16 without a mark, of the other order', (lines) => utf16(lines, '').swap16(), 1, /UTF-16; save it as UTF-8/],
    ['Latin-1', (lines) => Buffer.from(lines.replace('"hi"', '"grün"'), 'latin1'), 2, /not UTF-8/],
    ['Latin-1 at the end', (lines) => Buffer.from(`${lines}\u00e4`, 'latin1'), 10, /not UTF-8/],
    [
      'a character that is cut off',
      (lines) => Buffer.concat([Buffer.from(lines), Buffer.from('ä').subarray(0, 1)]),
      10,
      /not UTF-8/,
    ],
    [
      'a half of a surrogate pair',
      (lines) => Buffer.from(lines.replace(/(?<=call 1)"/, '\xed\xa0\x80"'), 'latin1'),
      6,
      /not UTF-8/,
    ],
  ])(
    'that is %s is refused at its line, however it is cut; calls before it were taken',
    async (_name, encode, line, message) => {
      const { log, engine } = await newRecording();
      await recordCalls(engine, 2);
      const bytes = encode((await exported(log)).replace('"call 0"', '"hi"'));
      for (const size of [1, 3, 100, 1_000_000]) {
        const target = newEngine().eventLog;
        const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
          bytes.subarray(at * size, (at + 1) * size),
        );
        const error = (await rejection(target.import(Readable.from(pieces)))) as Error;
        expect(error).toMatchObject(logError('invalid-input'));
        expect(error.message).toContain(`line ${line}: `);
        expect(error.message).toMatch(message);
        expect((await target.stats()).calls).toBe(line === 10 ? 2 : line === 6 ? 1 : 0);
      }
    },
  );

  test('that is neither text nor bytes is named, with its line', async () => {
    const log = newEngine().eventLog;
    const header = '{"type":"car-inference-log","version":1}\n';
    for (const [chunk, name] of [
      [{ type: 'call' }, 'an object'],
      [5, 'a number'],
      [[123, 10], 'an array'],
    ] as const) {
      const error = await rejection(log.import(Readable.from([header, chunk as never])));
      expect(error).toMatchObject({
        ...logError('invalid-input'),
        message: expect.stringContaining(`line 2: the stream gave ${name}; expected strings or bytes`),
      });
    }
  });

  test.each<[string, () => AsyncIterable<string>, string]>([
    [
      'fails',
      () =>
        Readable.from(
          (async function* () {
            yield '{"type":"car-inference-log","version":1}\n{"type":"ca';
            throw new Error('cut off');
          })(),
        ),
      'cut off',
    ],
    ['was destroyed', () => new Readable().destroy(new Error('gone')), 'gone'],
  ])('from a stream that %s rejects with its error, and leaves nothing behind', async (_name, stream, message) => {
    const log = await openLog();
    expect(await rejection(log.import(stream()))).toMatchObject({ message });
    expect(await log.import(Readable.from(['{"type":"car-inference-log","version":1}\n']))).toEqual({
      calls: 0,
      known: 0,
    });
  });

  test('is refused by a log that only reads, and by one that is closed', async () => {
    const { log, engine, path } = await newRecording();
    await recordCalls(engine, 1);
    const lines = await exported(log);
    const reader = await openLog(path, { access: 'read' });
    expect(await rejection(reader.import(Readable.from([lines])))).toMatchObject(logError('unsupported'));
    const closed = await openLog();
    await closed.close();
    expect(await rejection(closed.import(Readable.from([lines])))).toMatchObject(logError('closed'));
    expect(await rejection(closed.export(narrow()))).toMatchObject(logError('closed'));
  });
});

test('a stream without an end of line is refused before it fills the memory', async () => {
  const log = await openLog();
  let pieces = 0;
  async function* endless() {
    for (;;) {
      pieces += 1;
      yield 'x'.repeat(2 ** 24);
    }
  }
  await expect(log.import(endless())).rejects.toMatchObject({ code: 'log-failed', reason: 'invalid-input' });
  expect(pieces).toBe(17);
});
