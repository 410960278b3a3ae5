/** What is never in the file: what the key seals, and what redaction takes out, however it was cut into deltas. */
import { createSecretKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EventLog, type RunnerEvent, setInferenceRunner } from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { rejection, textOf } from './support/collect';
import { REQUEST } from './support/engine';
import {
  all,
  engineOf,
  eventsIn,
  logError,
  newPath,
  newRecording,
  openLog,
  recordCall,
  recordCalls,
} from './support/log';
import { text } from './support/scripted-runner';

afterEach(() => setInferenceRunner(null).dispose());

const KEY = new Uint8Array(32).fill(1);
const OTHER_KEY = new Uint8Array(32).fill(2);

/** Everything that lies beside a log. */
function bytesOf(path: string): string {
  const folder = dirname(path);
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name)).toString('latin1'))
    .join('\n');
}

describe('a log with a key', () => {
  test('reads as any other, and its files say nothing of what was said', async () => {
    const { log, engine, path } = await newRecording({ key: KEY });
    const traceId = await recordCall(engine, { prompt: 'needle haystack' });
    expect(await log.call(traceId)).toMatchObject({ text: 'needlehaystack', request: { prompt: 'needle haystack' } });
    expect((await eventsIn(log, traceId)).length).toBe(3);
    await log.flush();
    expect(bytesOf(path)).not.toContain('needle');
    await log.close();
    expect(bytesOf(path)).not.toContain('needle');
    // Who, when, which model and how it ended stays readable.
    expect(bytesOf(path)).toContain(traceId);
  });

  test.each<[string, () => Uint8Array | ReturnType<typeof createSecretKey>]>([
    ['bytes', () => new Uint8Array(KEY)],
    ['a Buffer', () => Buffer.from(KEY)],
    ['a part of other bytes', () => new Uint8Array([9, ...KEY, 9]).subarray(1, 33)],
    ['a KeyObject', () => createSecretKey(KEY)],
  ])('opens with the same key as %s', async (_name, make) => {
    const path = newPath();
    const { log, engine } = await newRecording({ key: make() }, path);
    const traceId = await recordCall(engine, { prompt: 'needle' });
    await log.close();
    const again = await openLog(path, { key: KEY });
    expect(await again.call(traceId)).toMatchObject({ text: 'needle' });
    expect(await again.verify()).toMatchObject({ ok: true });
  });

  test('opens with no other key, and not without one; a log without a key opens with none', async () => {
    const path = newPath();
    const { log, engine } = await newRecording({ key: KEY }, path);
    await recordCall(engine);
    await log.close();
    for (const access of ['write', 'read'] as const) {
      expect(await rejection(EventLog.open(path, { access, key: OTHER_KEY }))).toMatchObject(logError('wrong-key'));
      expect(await rejection(EventLog.open(path, { access }))).toMatchObject(logError('wrong-key'));
    }
    expect(() => engineOf(path)).toThrow(expect.objectContaining(logError('wrong-key')));
    const plain = newPath();
    await (await openLog(plain)).close();
    expect(await rejection(EventLog.open(plain, { key: KEY }))).toMatchObject(logError('wrong-key'));
  });

  test('keeps its key when the bytes that were given change later', async () => {
    const path = newPath();
    const key = new Uint8Array(KEY);
    const opening = EventLog.open(path, { key });
    key.fill(0);
    await (await opening).close();
    await openLog(path, { key: KEY });
  });

  test('opens with another key from the change on, and what was recorded stays readable', async () => {
    const path = newPath();
    const { log, engine } = await newRecording({ key: KEY }, path);
    const before = await recordCall(engine, { prompt: 'before' });
    await log.rotateKey(createSecretKey(OTHER_KEY));
    const after = await recordCall(engine, { prompt: 'after' });
    // While it is open in this process as well.
    expect(await rejection(EventLog.open(path, { key: KEY }))).toMatchObject({ name: 'LogError' });
    await (await openLog(path, { key: OTHER_KEY })).close();
    await log.close();
    expect(await rejection(EventLog.open(path, { key: KEY }))).toMatchObject(logError('wrong-key'));
    const again = await openLog(path, { key: OTHER_KEY });
    expect(await again.call(before)).toMatchObject({ text: 'before' });
    expect(await again.call(after)).toMatchObject({ text: 'after' });
    expect(await again.verify()).toMatchObject({ ok: true });
  });

  test('has no new key where it had none', async () => {
    const log = await openLog();
    expect(await rejection(log.rotateKey(KEY))).toMatchObject(logError('invalid-input'));
    expect(await log.stats()).toMatchObject({ calls: 0 });
  });

  test('is exported in the clear, and its copy is sealed', async () => {
    const { log, engine } = await newRecording({ key: KEY });
    await recordCall(engine, { prompt: 'needle' });
    const copy = newPath();
    await log.backup(copy);
    expect(bytesOf(copy)).not.toContain('needle');
    expect(await (await openLog(copy, { key: KEY })).stats()).toMatchObject({ calls: 1 });
  });
});

// Looks like a key, and opens nothing.
const SECRET = `sk-ant-api03-${'aB3dE5fG7h'.repeat(9)}-AA`;

/** A text cut into deltas of so many characters. */
function deltas(said: string, size: number): RunnerEvent[] {
  const cut: RunnerEvent[] = [];
  for (let at = 0; at < said.length; at += size) cut.push(text(said.slice(at, at + size)));
  return cut;
}

describe.each(['relaxed', 'call', 'event'] as const)('redaction with durability `%s`', (durability) => {
  test.each([1, 2, 7, 40, 1_000])('takes a provider’s key out of deltas of %i characters', async (size) => {
    const { log, path } = await newRecording({ durability });
    const engine = engineOf(log);
    setInferenceRunner(async function* () {
      yield* deltas(`the key is ${SECRET}, keep it`, size);
    });
    const stream = engine.generateTrackedStream(REQUEST);
    const { text: heard } = await stream.result();
    // Who makes the call hears everything.
    expect(heard).toContain(SECRET);
    await log.flush();
    const call = await log.call(stream.traceId);
    const logged = textOf((await eventsIn(log, stream.traceId)).map(({ event }) => event));
    for (const said of [call?.text, logged]) {
      expect(said).not.toContain(SECRET);
      expect(said).toMatch(/^the key is .*, keep it$/);
    }
    const tail = log.tail({ from: 'start' });
    for await (const item of tail) {
      expect(JSON.stringify(item)).not.toContain(SECRET.slice(0, 30));
      if (item.type === 'call-end') break;
    }
    await log.close();
    expect(bytesOf(path)).not.toContain(SECRET.slice(0, 30));
    expect(bytesOf(path)).not.toContain(SECRET.slice(-30));
  });
});

describe('redaction', () => {
  test('takes it out of prompts, arguments, failures and labels too', async () => {
    const { log, engine, path } = await newRecording();
    setInferenceRunner(async (_request, { emit }) => {
      await emit({ type: 'tool-call-start', index: 0, name: 'login', id: 'c' });
      for (const event of deltas(JSON.stringify({ key: SECRET }), 5)) {
        await emit({ type: 'tool-call-delta', index: 0, argumentsDelta: (event as { text: string }).text });
      }
      await emit({ type: 'tool-call-end', index: 0, arguments: JSON.stringify({ key: SECRET }) });
      throw new Error(`401: ${SECRET} is no key`);
    });
    const error = await rejection(
      engine.generate({ ...REQUEST, prompt: `use ${SECRET}`, tags: [SECRET], clientRef: SECRET }),
    );
    expect(String(error)).toContain(SECRET);
    expect((await all(log.calls()))[0]).toMatchObject({ status: 'failed' });
    await log.close();
    expect(bytesOf(path)).not.toContain(SECRET.slice(0, 30));
  });

  test('does as it is told, and not where it is turned off', async () => {
    const told = await newRecording({ redaction: { patterns: ['needle-\\d+'], fields: ['providerOptions.*.user'] } });
    const off = await newRecording({ redaction: { builtin: false } });
    const request = { prompt: `find needle-123 and ${SECRET}`, providerOptions: { openai: { user: 'somebody' } } };
    setInferenceRunner(async ({ prompt }) => ({ text: String(prompt) }));
    for (const { engine } of [told, off]) await recordCall(engine, request as object);
    await Promise.all([told.log.close(), off.log.close()]);
    expect(bytesOf(told.path)).not.toMatch(/needle-123|somebody/);
    expect(bytesOf(told.path)).not.toContain(SECRET);
    for (const said of ['needle-123', 'somebody', SECRET]) expect(bytesOf(off.path)).toContain(said);
  });

  test('leaves everything else as it was', async () => {
    const { log, engine } = await newRecording();
    const ids = await recordCalls(engine, 3);
    expect((await all(log.calls())).map(({ text: said }) => said)).toEqual(['call2', 'call1', 'call0']);
    expect(ids.length).toBe(3);
  });
});
