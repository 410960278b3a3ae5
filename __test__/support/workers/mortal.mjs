/** A thread that gets to one phase of one call, says so, and stays in it until it is terminated. */
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceEngine, setInferenceRunner } from 'car-inference';
import { hold, reach } from './latch.mjs';

const { role, phase, cells, hint } = workerData;
const never = new Promise(() => {});
const a = { type: 'text-delta', text: 'a' };
const done = { type: 'done', text: 'a', toolCalls: [] };
const here = () => reach(cells);
setInterval(() => {}, 2 ** 30);

function engine(options) {
  const timeouts = { firstEventMs: null, idleMs: null, totalMs: null, graceMs: 600_000 };
  const models = [{ id: hint, source: { type: 'delegated', hint } }];
  return new InferenceEngine({ models, timeouts, limits: { bufferedEventsMax: 4 }, ...options });
}

const open = (owner = engine()) => owner.generateTrackedStream({ model: hint, prompt: 'hi' });

const runners = {
  'before the first pull': () => {},
  async 'in the runner'(_request, { emit }) {
    await emit(a);
    hold(cells);
  },
  async 'while the runner awaits'(_request, { emit }) {
    await emit(a);
    here();
    await never;
  },
  async *'while the generator awaits'() {
    yield a;
    here();
    await never;
  },
  async 'while the buffer is full'(_request, { emit }) {
    for (;;) {
      const outcome = emit(a);
      if (typeof outcome !== 'string') here();
      await outcome;
    }
  },
  async 'during the ending'(_request, { emit }) {
    await emit(a);
    await emit(done);
    here();
    await never;
  },
  async 'while it is cancelled'(_request, { emit, cancelled }) {
    await emit(a);
    await cancelled();
    here();
    await never;
  },
};

const consumers = {
  async 'before the first pull'() {
    globalThis.kept = open();
    if (globalThis.kept.traceId !== '') here();
  },
  async 'in mid-stream'() {
    const stream = open();
    await stream.next();
    stream.next();
    here();
  },
  async 'while the buffer is full'() {
    const stream = open();
    await stream.next();
    hold(cells);
  },
  async 'during the ending'() {
    const stream = open();
    await stream.next();
    stream.next();
    here();
  },
  async "in close('drain')"() {
    const owner = engine();
    await open(owner).next();
    owner.close('drain');
    here();
  },
  async "in close('cancel')"() {
    const owner = engine();
    await open(owner).next();
    owner.close('cancel');
    here();
  },
  async 'when it has detached'() {
    const stream = open();
    await stream.next();
    stream.detach();
    here();
  },
};

const alone = {
  async 'in the runner'() {
    setInferenceRunner(runners['in the runner'], { hint });
    await open().result();
  },
  async 'during the ending'() {
    setInferenceRunner(runners['during the ending'], { hint });
    await open().result();
  },
  async "in close('cancel')"() {
    setInferenceRunner(
      async (_request, { emit }) => {
        await emit(a);
        await never;
      },
      { hint },
    );
    await consumers["in close('cancel')"]();
  },
  async 'while a retry waits'() {
    setInferenceRunner(
      () => {
        setImmediate(here);
        throw new Error('again');
      },
      { hint },
    );
    await open(engine({ retry: { attemptsMax: 2, backoffMs: 30_000 } })).next();
  },
};

if (role === 'runner') {
  setInferenceRunner(runners[phase], { hint });
  if (phase === 'before the first pull') here();
  parentPort.postMessage('registered');
} else {
  await (role === 'consumer' ? consumers : alone)[phase]();
}
