/**
 * Values that are huge, each in a process of its own: what came of the call is said as JSON. Run with `--expose-gc`.
 * Arguments: the case, and how many where that matters.
 */
import { once } from 'node:events';
import { isMainThread, Worker } from 'node:worker_threads';
import { InferenceEngine, setInferenceRunner } from 'car-inference';

const MEGABYTE = 1_000_000;
const RAISED = { eventBytesMax: 2 ** 40, callBytesMax: 2 ** 40 };
const text = (value) => ({ type: 'text-delta', text: value });
const emits =
  (...events) =>
  async (_request, { emit }) => {
    for (const event of events) await emit(event);
  };

function newEngine(limits) {
  return new InferenceEngine({ models: [{ id: 'm', source: { type: 'delegated' } }], limits });
}

function about(error) {
  const { name, code, limit, message, text: until, problems } = error;
  return {
    name,
    code,
    limit,
    message: message.slice(0, 400),
    characters: message.length,
    until: until?.length,
    problems,
  };
}

/**
 * Makes a call and says how it ended. `look` adds what else is to be said of what was seen. `log: 'unread'` spares the
 * reading of a record that is huge itself.
 */
async function call(
  runner,
  { limits, request = { model: 'm', prompt: 'hi' }, engine = newEngine(limits), look, log = 'read' } = {},
) {
  if (runner !== undefined) setInferenceRunner(runner);
  const stream = engine.generateTrackedStream(request);
  const events = [];
  let error;
  try {
    for await (const event of stream) events.push(event);
  } catch (thrown) {
    error = about(thrown);
  }
  const extra =
    look === undefined || error !== undefined
      ? {}
      : await look({ engine, events, result: await stream.result(), stream });
  let status;
  try {
    if (log === 'read')
      status = stream.traceId === '' ? 'none' : (await engine.eventLog.calls({ limit: 1 }).next()).value.status;
  } catch (thrown) {
    status = about(thrown);
  }
  setInferenceRunner(emits(text('still here')));
  const next = await engine.generate({ model: 'm', prompt: 'hi' });
  setInferenceRunner(null);
  return { error, types: events.map(({ type }) => type), status, goesOn: next.text === 'still here', ...extra };
}

async function logged(engine, stream) {
  const events = [];
  for await (const { event } of engine.eventLog.events(stream.traceId)) events.push(event);
  return events;
}

/** Memory that the process holds now, in MB. */
async function held() {
  for (let turn = 0; turn < 4; turn += 1) {
    globalThis.gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().rss / MEGABYTE;
}

/** CPU time that something takes, in ms. */
async function cpu(run) {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/** A runner of so many tool calls. */
const toolCalls =
  (count, argumentsDelta) =>
  async (_request, { emit }) => {
    for (let index = 0; index < count; index += 1) {
      await emit({ type: 'tool-call-start', index, name: 'f' });
      if (argumentsDelta !== undefined) await emit({ type: 'tool-call-delta', index, argumentsDelta });
    }
  };

const cases = {
  async 'a text beyond the limits'() {
    return call(emits(text('before'), text('a'.repeat(100 * MEGABYTE))));
  },
  async 'a text within raised limits'() {
    const before = await held();
    const whole = 'a'.repeat(100 * MEGABYTE);
    const engine = newEngine(RAISED);
    const look = ({ events, result }) => ({ seen: events[0].text === whole, result: result.text === whole });
    const said = await call(emits(text(whole)), { engine, look, log: 'unread' });
    // The log keeps the call that ended last, whatever its size; another has ended since.
    return { ...said, kept: (await held()) - before };
  },
  async 'a text in the log'() {
    const whole = 'a'.repeat(5 * MEGABYTE);
    const look = async ({ engine, stream }) => ({ logged: (await logged(engine, stream))[0].text === whole });
    return call(emits(text(whole)), { limits: RAISED, look });
  },
  async 'control characters that JSON makes too long'() {
    return call(emits(text('\0'.repeat(90 * MEGABYTE))), { limits: RAISED });
  },
  async 'other texts beyond the limits'() {
    const long = 'a'.repeat(17 * MEGABYTE);
    return [
      await call(emits({ type: 'custom', name: 'x', data: { long } })),
      await call(emits({ type: 'tool-call-start', index: 0, name: long })),
      await call(emits({ type: 'usage', [long]: 5n })),
      await call(emits({ type: long })),
      await call(emits({ type: 'stop-reason', reason: long })),
    ];
  },
  async 'other texts within raised limits'() {
    const long = 'é'.repeat(10 * MEGABYTE);
    const event = { type: 'custom', name: 'x', data: { long } };
    return call(emits(event), {
      limits: RAISED,
      look: ({ events }) => ({ seen: events[0].data.long === long }),
    });
  },
  async 'a result'() {
    const long = 'a'.repeat(2 * MEGABYTE);
    const results = [
      { text: long },
      { toolCalls: [{ name: 'f', arguments: { long } }] },
      { toolCalls: [{ name: long }] },
    ];
    const said = [];
    for (const result of results) said.push(await call(async () => result, { limits: { callBytesMax: MEGABYTE } }));
    return said;
  },
  async 'what is thrown'() {
    const long = 'a'.repeat(100 * MEGABYTE);
    return call(async () => {
      throw Object.assign(new Error(long), { body: long, name: long, code: long, stack: long });
    });
  },
  async 'a request'() {
    const prompt = 'a'.repeat(100 * MEGABYTE);
    const model = 'm'.repeat(2 * MEGABYTE);
    let same;
    const runner = async (request) => {
      same = request.prompt === prompt;
    };
    return [
      { ...(await call(runner, { request: { model: 'm', prompt } })), same },
      await call(runner, { request: { model, prompt: 'hi' } }),
      await call(runner, { request: { [model]: 1, prompt: 'hi' } }),
    ];
  },
  async 'a text from another thread'() {
    const long = 'a'.repeat(17 * MEGABYTE);
    const worker = new Worker(new URL(import.meta.url), { argv: ['worker'] });
    await once(worker, 'message');
    const beyond = await call(undefined);
    worker.postMessage('again');
    await once(worker, 'message');
    const within = await call(undefined, { limits: RAISED, look: ({ events }) => ({ seen: events[0].text === long }) });
    await worker.terminate();
    return [beyond, within];
  },
  async 'tool calls'(count) {
    const engine = newEngine(RAISED);
    const look = ({ events, result }) => ({
      seen: events.length - 1,
      last: events[count - 1],
      done: events.at(-1).toolCalls.length,
      result: result.toolCalls.length,
    });
    const round = () => call(toolCalls(count), { engine, look });
    const before = await held();
    const said = await round();
    const first = await held();
    await round();
    // What allocators keep for later is used by the second round; what leaks comes on top.
    return { ...said, types: undefined, first: first - before, second: (await held()) - first };
  },
  async 'tool calls in one done'(count) {
    const toolCalls = Array.from({ length: count }, () => ({ name: 'f', arguments: {} }));
    const done = { type: 'done', text: '', toolCalls };
    return call(emits(done), { look: ({ result }) => ({ result: result.toolCalls.length }) });
  },
  /** How much dearer four times as many are. */
  async 'half pairs of many tool calls'(count) {
    const measure = (calls) => cpu(() => call(toolCalls(calls, '\ud83d'), { limits: RAISED }));
    await measure(count / 4);
    return { growth: (await measure(count)) / (await measure(count / 4)) };
  },
  async deltas(count) {
    const runner = async function* () {
      for (let n = 0; n < count; n += 1) yield text('a');
    };
    return {
      ...(await call(runner, {
        look: ({ events, result }) => ({ seen: events.length - 1, result: result.text.length }),
      })),
      types: undefined,
    };
  },
  async 'argument text of many levels'(count) {
    const argumentsDelta = '['.repeat(count) + ']'.repeat(count);
    return call(
      emits({ type: 'tool-call-start', index: 0, name: 'f' }, { type: 'tool-call-delta', index: 0, argumentsDelta }),
      {
        look: ({ result: { toolCalls } }) => ({
          raw: toolCalls[0].rawArguments === argumentsDelta,
          error: toolCalls[0].argumentsError,
        }),
      },
    );
  },
  /** Emits from ever deeper down the stack, until it ends. */
  async 'the end of the stack'() {
    const engine = newEngine();
    let deepest = 0;
    const runner = async (_request, { emit }) => {
      const descend = (depth) => {
        deepest = depth;
        if (depth % 50 === 0)
          emit(depth % 100 === 0 ? text(`${depth} `) : { type: 'custom', name: 'x', data: { depth } });
        descend(depth + 1);
      };
      try {
        descend(1);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
    };
    return call(runner, {
      engine,
      look: async ({ events, stream }) => ({
        types: undefined,
        deep: deepest > 1_000 && events.length > 10,
        logged: JSON.stringify(await logged(engine, stream)) === JSON.stringify(events),
      }),
    });
  },
};

if (isMainThread) {
  const [, , name, count] = process.argv;
  console.log(JSON.stringify(await cases[name](Number(count))));
} else {
  const { parentPort } = await import('node:worker_threads');
  const register = () => {
    setInferenceRunner(emits(text('a'.repeat(17 * MEGABYTE))));
    parentPort.postMessage('registered');
  };
  parentPort.on('message', register);
  register();
}
