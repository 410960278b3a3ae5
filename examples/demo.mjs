// The demo: `npm run demo` prepares everything and runs this file. It talks to a local server that speaks OpenAI's wire
// from recordings, or with OPENAI_API_KEY (and OPENAI_BASE_URL, OPENAI_MODEL) set, to the real service.
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CancelledError, InferenceEngine, RunnerFailedError, setInferenceRunner } from 'car-inference';
import { OpenAI } from 'openai';
import { check, failures, heading } from './demo-report.mjs';
import { openAiRunner } from './openai-runner.mjs';
import { keyOverItsLimit, startOpenAiWire } from './openai-wire/server.mjs';

const realService = Boolean(process.env.OPENAI_API_KEY);
const wire = realService ? undefined : await startOpenAiWire();
const service = realService
  ? { baseURL: process.env.OPENAI_BASE_URL, apiKey: process.env.OPENAI_API_KEY }
  : { baseURL: wire.baseURL, apiKey: 'sk-demo' };
const model = process.env.OPENAI_MODEL ?? 'gpt-5';
console.log(
  realService ? `Talking to the real service, model ${model}.` : `A local server plays OpenAI at ${wire.baseURL}.`,
);

// The JavaScript side: who talks to the service. One runner for everything, and one for models with a hint of their own,
// whose key the service will not accept.
const runner = openAiRunner(new OpenAI({ ...service, maxRetries: 0 }), { hints: ['openai'] });
const limitedClient = new OpenAI({ ...service, apiKey: keyOverItsLimit, maxRetries: 0 });
const registrations = [
  setInferenceRunner(runner),
  setInferenceRunner(openAiRunner(limitedClient, { hints: ['openai-limited'] }), { hint: 'openai-limited' }),
];

// The Rust side: which models there are, how long a call may take, and the file that records all of it.
const folder = await mkdtemp(join(tmpdir(), 'car-inference-demo-'));
const logPath = join(folder, 'calls.db');
const engine = new InferenceEngine({
  eventLog: logPath,
  models: [
    { id: model, source: { type: 'delegated', hint: 'openai' } },
    { id: `${model}-limited`, source: { type: 'delegated', hint: 'openai-limited' } },
  ],
  timeouts: { firstEventMs: 60_000, idleMs: 60_000, totalMs: 300_000 },
});

try {
  await answerAndItsRecord();
  await toolCall();
  await cancellation();
  await providerError();
  await query();
  await engine.close('drain');
  await fileItself();
} finally {
  await engine.close('cancel');
  for (const registration of registrations) registration.dispose();
  await wire?.close();
  await rm(folder, { recursive: true, force: true });
}

console.log();
console.log(failures() === 0 ? 'Everything ended as it should.' : `${failures()} thing(s) did not end as they should.`);
process.exitCode = failures() === 0 ? 0 : 1;

async function answerAndItsRecord() {
  heading('An answer, token by token');
  const stream = engine.generateTrackedStream({ model, prompt: 'Why is the sky blue, and red at dusk? Be brief.' });
  let last;
  for await (const event of stream) {
    if (event.type === 'text-delta') process.stdout.write(event.text);
    last = event;
  }
  console.log();
  const { text, usage, stopReason } = await stream.result();
  check(
    'the last event is `done`, with the whole text',
    last?.type === 'done' && last.text === text && text.length > 0,
  );
  check(
    `the result has usage and stop reason: ${JSON.stringify(usage)}, ${stopReason}`,
    usage && stopReason === 'stop',
  );

  heading('What the log recorded of it');
  const record = await engine.eventLog.call(stream.traceId);
  const { startedAt, firstEventAt, endedAt } = record;
  console.log(`  trace id     ${record.traceId}`);
  console.log(`  model        ${record.model}, ${record.attempts.length} attempt`);
  console.log(`  status       ${record.status}, stop reason ${record.stopReason}`);
  console.log(
    `  timing       first event after ${ms(firstEventAt - startedAt)}, ended after ${ms(endedAt - startedAt)}`,
  );
  console.log(`  usage        ${JSON.stringify(record.usage)}`);
  console.log(`  events       ${record.eventCount}:`);
  const lines = [];
  for await (const { seq, at, event } of engine.eventLog.events(stream.traceId)) {
    lines.push(`    ${String(seq).padStart(4)}  +${ms(at - startedAt).padEnd(10)} ${excerpt(event)}`);
  }
  printEnds(lines);
  check('the log holds the text that was streamed', record.status === 'done' && record.text === text);
  check('the log holds every event', lines.length === record.eventCount);
}

async function toolCall() {
  heading('A tool call');
  const stream = engine.generateTrackedStream({
    model,
    prompt: 'What will the weather be in Zürich for the next two days? Use the tool.',
    tools: [
      {
        name: 'get_weather',
        description: 'The weather forecast of a city',
        parameters: {
          type: 'object',
          properties: {
            city: { type: 'string' },
            unit: { type: 'string', enum: ['celsius', 'fahrenheit'] },
            days: { type: 'integer' },
          },
          required: ['city', 'unit', 'days'],
          additionalProperties: false,
        },
      },
    ],
  });
  for await (const event of stream) {
    if (event.type === 'tool-call-start') process.stdout.write(`  ${event.name} `);
    if (event.type === 'tool-call-delta') process.stdout.write(event.argumentsDelta);
  }
  console.log();
  const { toolCalls, stopReason } = await stream.result();
  const [call] = toolCalls;
  check(`whole at the end: ${call?.name}, id ${call?.id}`, call?.name === 'get_weather' && call.id);
  check('its fragments became an object', typeof call?.arguments?.city === 'string');
  check('the stop reason is `tool-calls`', stopReason === 'tool-calls' || realService);
}

async function cancellation() {
  heading('A cancellation, in the middle of a long answer');
  const stream = engine.generateTrackedStream({ model, prompt: 'Count from one to one hundred, in words.' });
  let deltas = 0;
  const error = await caught(async () => {
    for await (const event of stream) {
      if (event.type !== 'text-delta') continue;
      process.stdout.write(event.text);
      deltas += 1;
      if (deltas === 12) stream.cancel('enough');
    }
  });
  console.log(' …');
  check(`the loop ends with CancelledError: ${error?.message}`, error instanceof CancelledError);
  check(`it carries the partial text: ${JSON.stringify(error?.text)}`, error?.text?.length > 0);
  const record = await engine.eventLog.call(stream.traceId);
  check('the log says `cancelled`, and keeps the text', record?.status === 'cancelled' && record.text === error?.text);
  const replayed = await wire?.lastReplay();
  if (replayed) {
    check(`the server noticed after ${replayed.sent} of ${replayed.of} chunks`, replayed.sent < replayed.of);
  }
}

async function providerError() {
  heading('An error of the provider');
  const stream = engine.generateTrackedStream({ model: `${model}-limited`, prompt: 'hi' });
  const error = await caught(() => stream.result());
  const status = realService ? 401 : 429;
  check(`the call fails with RunnerFailedError: ${error?.message}`, error instanceof RunnerFailedError);
  check(`its cause is the SDK's own error: ${error?.cause?.constructor.name}`, error?.cause instanceof OpenAI.APIError);
  check(`its status survives: ${error?.status}`, error?.status === status);
  check(`so does the body: ${JSON.stringify(error?.body)}`, error?.body !== undefined);
  if (!realService) check(`and when to come back: ${error?.retryAfterMs} ms`, error?.retryAfterMs === 2000);
  const record = await engine.eventLog.call(stream.traceId);
  check('the log says `failed`', record?.status === 'failed');
}

async function query() {
  heading('A query over all calls');
  const calls = [];
  for await (const call of engine.eventLog.calls({ order: 'oldest' })) calls.push(call);
  for (const { model, status, eventCount, startedAt, endedAt, usage } of calls) {
    const tokens = usage?.outputTokens === undefined ? '' : `, ${usage.outputTokens} output tokens`;
    console.log(`  ${model.padEnd(15)} ${status.padEnd(10)} ${eventCount} events, ${ms(endedAt - startedAt)}${tokens}`);
  }
  check('the log holds all four calls', calls.length === 4);
  const failed = [];
  for await (const call of engine.eventLog.calls({ status: 'failed' })) failed.push(call);
  check('one of them failed', failed.length === 1);
  const { ok, records } = await engine.eventLog.verify();
  check(`nothing was changed since: ${records} records, each tied to the one before`, ok);
}

/** The engine is closed: what is left is one file, for any SQLite tool. */
async function fileItself() {
  heading('The file, in the words of sqlite3');
  const { size } = await stat(logPath);
  console.log(`  ${logPath}, ${size} bytes`);
  check('no write-ahead log is left beside it', !(await readdir(folder)).includes('calls.db-wal'));
  await show('SELECT model, status, count(*) AS calls, sum(output_tokens) AS tokens FROM calls GROUP BY 1, 2');
  await show('SELECT seq, type, substr(event, 1, 60) AS event FROM events ORDER BY trace_id, seq LIMIT 3');
  const key = 'sk-demo';
  check('the key of the service is not in it', !(await readFile(logPath)).includes(key));
}

async function show(sql) {
  console.log(`  sqlite3 calls.db "${sql}"`);
  // Node has SQLite built in from version 22 on.
  const sqlite = await import('node:sqlite').catch(() => undefined);
  if (sqlite === undefined) return console.log('    (this Node has no node:sqlite to show it with)');
  const database = new sqlite.DatabaseSync(logPath, { readOnly: true });
  const rows = database.prepare(sql).all();
  database.close();
  for (const row of rows) console.log(`    ${Object.values(row).join(' | ')}`);
  check('it answers', rows.length > 0);
}

async function caught(work) {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error;
  }
}

function ms(duration) {
  return `${duration.toFixed(1)} ms`;
}

function excerpt(event) {
  const json = JSON.stringify(event);
  return json.length > 90 ? `${json.slice(0, 90)}…` : json;
}

/** The first and last lines: the middle of a stream says little. */
function printEnds(lines) {
  const shown = 6;
  if (lines.length <= 2 * shown) return console.log(lines.join('\n'));
  console.log(lines.slice(0, shown).join('\n'));
  console.log(`          … ${lines.length - 2 * shown} more`);
  console.log(lines.slice(-shown).join('\n'));
}
