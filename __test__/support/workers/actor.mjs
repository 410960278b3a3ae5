/** A thread that loads the package for itself and does what the test tells it: host a runner, or consume a call. */
import { createRequire } from 'node:module';
import { parentPort } from 'node:worker_threads';
import { currentInferenceRunner, InferenceEngine, RunnerDeclinedError, setInferenceRunner } from 'car-inference';
import { changingRunner, hostileRunner, scramble } from './hostile-values.mjs';
import { hold, reach } from './latch.mjs';

const addon = createRequire(import.meta.url)('../../../native/index.js');
const runs = [];
let stream;
let engine;

function describe(error) {
  const { name, message, code, status, retryAfterMs, body, text, usage, cause, kind } = error;
  const about = cause && {
    name: cause.name,
    message: cause.message,
    code: cause.code,
    isError: cause instanceof Error,
  };
  return { name, message, code, status, retryAfterMs, body, text, usage, kind, cause: about };
}

function failure({ declined, ...fields }) {
  if (declined) return new RunnerDeclinedError(fields.message, fields);
  return Object.assign(new Error(fields.message), fields);
}

async function attempt(run) {
  try {
    return { value: await run() };
  } catch (error) {
    return { error: describe(error) };
  }
}

const commands = {
  /** Registers a runner that follows a script: events, `repeat` deltas, then block, fail, hang or return. */
  register({ way, hint, events = [], repeat = 0, blocks, reaches, fails, hangs = false, result }) {
    const all = function* () {
      yield* events;
      for (let n = 0; n < repeat; n += 1) yield { type: 'text-delta', text: `${n} ` };
    };
    const begin = (request, emitter) => {
      const run = { request, emitted: 0, reason: undefined };
      runs.push(run);
      emitter.cancelled().then((reason) => {
        run.reason = describe(reason);
      });
      return run;
    };
    const end = async ({ cancelled }) => {
      if (reaches) reach(reaches);
      if (blocks) hold(blocks);
      if (hangs) await cancelled();
      if (fails) throw failure(fails);
      return result;
    };
    const runner =
      way === 'generator'
        ? async function* (request, emitter) {
            const run = begin(request, emitter);
            for (const event of all()) {
              yield event;
              run.emitted += 1;
            }
            return await end(emitter);
          }
        : async (request, emitter) => {
            const run = begin(request, emitter);
            for (const event of all()) {
              await emitter.emit(event);
              run.emitted += 1;
            }
            return await end(emitter);
          };
    setInferenceRunner(runner, { hint });
  },
  /** Registers a runner that hands over one of the values of `hostile-values.mjs`. */
  registerHostile({ way, table, name }) {
    setInferenceRunner(hostileRunner(way, table, name));
  },
  /** Registers a runner that changes each event once it has handed it over. */
  registerChanging: ({ way, events }) => {
    setInferenceRunner(changingRunner(way, events));
  },
  /** As `collect`, and changes each event once it has been copied. */
  async collectAndChange() {
    const events = [];
    for await (const event of stream) {
      events.push(structuredClone(event));
      scramble(event);
    }
    return events;
  },
  runs: () => runs,
  slot: async () => {
    const runner = currentInferenceRunner();
    return runner === null ? 'empty' : attempt(() => runner.run({}, {}));
  },
  /** Makes an engine and a stream that is not begun. */
  open({ engineOptions = {}, request }) {
    engine = new InferenceEngine({
      models: [{ id: 'gpt-5', source: { type: 'delegated', hint: 'openai' } }],
      ...engineOptions,
    });
    stream = engine.generateTrackedStream(request);
  },
  next: () => attempt(() => stream.next()),
  collect: () => attempt(() => Array.fromAsync(stream)),
  result: () => attempt(() => stream.result()),
  cancel: (reason) => stream.cancel(reason),
  leave: () => stream.return(),
  detach: () => stream.detach(),
  logged: () => Array.fromAsync(engine.eventLog.events(stream.traceId), ({ event }) => event),
  record: () => engine.eventLog.call(stream.traceId),
  exit: () => process.exit(0),
  /** Does not turn this thread's loop until it is released. */
  block: (cells) => hold(cells),
  /** Has the next so many calls of this thread's runner come in one batch of mail. */
  gatherRuns(count) {
    const RUN = 1;
    const { takeMessages } = addon;
    const mail = [];
    addon.takeMessages = () => {
      while (mail.filter((field, at) => at % 3 === 0 && field === RUN).length < count) mail.push(...takeMessages());
      addon.takeMessages = takeMessages;
      return mail;
    };
  },
  /** Does not turn this thread's loop until it is released; answers what mail had come meanwhile, which then nobody gets. */
  blockAndTakeMail(cells) {
    hold(cells);
    return addon.takeMessages();
  },
  /** Makes a call in Rust, and blocks until it is over. */
  callFromRust: ({ request, engineOptions = {}, take }) =>
    JSON.parse(
      addon.rustCallerProbe(
        JSON.stringify({ models: [{ id: 'gpt-5', source: { type: 'delegated', hint: 'openai' } }], ...engineOptions }),
        JSON.stringify(request),
        take,
      ),
    ),
};

parentPort.on('message', async ({ id, command, argument }) => {
  const answer = await attempt(async () => await commands[command](argument));
  parentPort.postMessage({ id, ...answer });
});
