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

/** Characters that look as if a generator of keys had made them, the same ones at each run. */
function maker(): (set: string, count: number) => string {
  let seed = 7;
  return (set, count) =>
    Array.from({ length: count }, () => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return set[(seed >>> 12) % set.length];
    }).join('');
}

const ALNUM = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Texts with a secret in each, by the secret. */
function textsWithSecrets(): Map<string, string> {
  const make = maker();
  const key = () => make(ALNUM, 32);
  const password = () => `${make(ALNUM, 5)}!${make(ALNUM, 4)}#${make(ALNUM, 4)}`;
  const notations: Array<[() => string, (secret: string) => string]> = [
    [() => `gsk_${make(ALNUM, 52)}`, (secret) => `use ${secret} here`],
    [() => `glpat-${make(ALNUM, 20)}`, (secret) => `use ${secret} here`],
    [() => `${make(ALNUM, 52)}JQQJ99B${make(ALNUM, 25)}`, (secret) => `use ${secret} here`],
    [password, (secret) => `postgres://app:${secret}@db.internal/x`],
    [key, (secret) => `MISTRAL_API_KEY=${secret}`],
    [password, (secret) => `password: ${secret}`],
    [key, (secret) => JSON.stringify({ accessToken: secret })],
    [key, (secret) => JSON.stringify(JSON.stringify({ clientSecret: secret }))],
    [key, (secret) => `- name: API_KEY\n  value: "${secret}"`],
    [key, (secret) => `<apiKey>${secret}</apiKey>`],
    [key, (secret) => `https://x.test/v1?key=${secret}&x=1`],
    [key, (secret) => `x-auth-token: ${secret}`],
    [key, (secret) => `Authorization: Bearer ${secret}`],
    [key, (secret) => `tool --api-key ${secret} --verbose`],
    [password, (secret) => `curl -u admin:${secret} https://x.test`],
    [password, (secret) => `Server=x;Password=${secret};Encrypt=true`],
    [key, (secret) => `| API key | ${secret} |`],
    [key, (secret) => `const token = "${secret}";`],
  ];
  return new Map(
    notations.map(([value, write]) => {
      const secret = value();
      return [secret, write(secret)];
    }),
  );
}

/** Fails when a secret is in a file beside the log. Of a key that is known by its middle, the first letters may be. */
function expectNoneIn(path: string, secrets: Iterable<string>): void {
  const bytes = bytesOf(path);
  const leaked = [...secrets].filter((secret) => bytes.includes(secret) || bytes.includes(secret.slice(8)));
  expect(leaked).toEqual([]);
}

describe('secrets that only their form or their label tells', () => {
  test.each([1, 3, 5, 16, 10_000])('are not in the file, in deltas of %i characters', async (size) => {
    const texts = textsWithSecrets();
    const { log, engine, path } = await newRecording();
    const said = [...texts.values()].join('\n\n');
    setInferenceRunner(async function* () {
      yield* deltas(`it said:\n${said}\nand that was all`, size);
    });
    const stream = engine.generateTrackedStream(REQUEST);
    expect((await stream.result()).text).toContain(said);
    await log.flush();
    const recorded = (await log.call(stream.traceId))?.text;
    expect(recorded).toMatch(/^it said:\n.*\nand that was all$/s);
    expect(recorded?.match(/\[REDACTED\]/g)?.length).toBe(texts.size);
    await log.close();
    expectNoneIn(path, texts.keys());
  });

  test('are in no part of a call: messages, tools, options, reasoning, arguments, events, failures', async () => {
    const texts = textsWithSecrets();
    const said = [...texts.values()].join('\n\n');
    const { log, engine, path } = await newRecording();
    setInferenceRunner(async (_request, { emit }) => {
      for (const event of deltas(said, 7)) {
        await emit({ type: 'reasoning-delta', index: 0, text: (event as { text: string }).text });
      }
      await emit({ type: 'tool-call-start', index: 0, name: 'write', id: 'c' });
      const json = JSON.stringify({ content: said, nested: [{ text: said }] });
      for (const event of deltas(json, 7)) {
        await emit({ type: 'tool-call-delta', index: 0, argumentsDelta: (event as { text: string }).text });
      }
      await emit({ type: 'tool-call-end', index: 0, arguments: json });
      await emit({ type: 'warning', message: said });
      await emit({ type: 'custom', name: 'x', data: { said, list: [said] } });
      throw Object.assign(new Error(said), { status: 401, body: { error: { message: said } } });
    });
    const error = await rejection(
      engine.generate({
        prompt: said,
        context: said,
        messages: [
          { role: 'system', content: said },
          { role: 'user', content: said },
          { role: 'assistant', content: said, toolCalls: [{ id: 'c', name: 'n', arguments: { said } }] },
          { role: 'tool-result', toolUseId: 'c', content: said },
        ],
        tools: [{ type: 'function', name: 'n', description: said, parameters: { default: said } }],
        providerOptions: { openai: { metadata: { said } } },
        tags: [[...texts.values()][0] as string],
      } as never),
    );
    expect(String(error)).toContain([...texts.keys()][0]);
    expect((await all(log.calls()))[0]).toMatchObject({ status: 'failed' });
    await log.close();
    expectNoneIn(path, texts.keys());
  });

  test('are told from ids, hashes, counts, prose and program text, which stay', async () => {
    const said = [
      'request 550e8400-e29b-41d4-a716-446655440000 of commit 9fceb02d0ae598e95dc970b74767f19372d61af8',
      'token count: 5, max_tokens=4096, token_type: bearer, password: required',
      'the token is invalid; the secret: practice every day; risk-adjusted-return-on-capital-2024',
      'apiKey: process.env.OPENAI_API_KEY, const keys = Object.keys(value), API_KEY=<your key>',
      'https://example.com/?page=2&key=name and postgres://localhost:5432/app',
      '{"token":" the","logprob":-0.01} chatcmpl-9fKx2LmQ8vYtR4nB7cZpW1sDgHjE',
    ].join('\n');
    const { log, engine } = await newRecording();
    setInferenceRunner(async function* () {
      yield* deltas(said, 4);
    });
    const traceId = await recordCall(engine, { prompt: said });
    expect(await log.call(traceId)).toMatchObject({ text: said, request: { prompt: said } });
  });
});
