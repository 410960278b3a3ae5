// The process that is killed: runs calls over a durable log until then, and writes down what it has seen before anything else
// happens. Closes and opens the log now and then; ends by no will of its own.
import { writeSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { EventLog, InferenceEngine, setInferenceRunner } from 'car-inference';
import { digest, eventsOf, failsFirst, referenceOf, returnedText, scriptOf } from './script.mjs';

/** Calls at a time. */
const LANES = 8;
/** Calls that are open until the end. */
const HANGING_MAX = 5;

const { path, key, options, seed, first, size, callsOfSession, erases } = JSON.parse(process.argv[2]);
// At once, and not when the event loop comes to it: what was seen must be known.
const say = (said) => writeSync(1, `${JSON.stringify(said)}\n`);

async function* play({ clientRef }, { attempt, cancelled }) {
  const number = Number(clientRef.split(':')[1]);
  const script = scriptOf(seed, number, size);
  if (failsFirst(script, attempt)) throw Object.assign(new Error('overloaded'), { status: 529 });
  let index = 0;
  for (const event of eventsOf(script, number, attempt)) {
    if (script.turnEvery > 0 && index % script.turnEvery === 0) await turn();
    yield event;
    index += 1;
  }
  if (script.kind === 'hangs' || script.kind === 'is-cancelled') await cancelled();
  if (script.kind === 'fails') throw Object.assign(new Error('by its script'), { status: 400 });
  return script.kind === 'returns' ? { text: returnedText(script, number) } : undefined;
}

async function push(events, { emit }) {
  for (;;) {
    const { done, value } = await events.next();
    if (done) return value;
    await emit(value);
  }
}

setInferenceRunner({
  run(request, emitter) {
    const { way } = scriptOf(seed, Number(request.clientRef.split(':')[1]), size);
    const events = play(request, emitter);
    return way === 'pulled' ? events : push(events, emitter);
  },
});

async function open() {
  say({ step: 'opening' });
  const eventLog = await EventLog.open(path, { ...options, ...(key && { key: Buffer.from(key, 'hex') }) });
  say({ step: 'opened' });
  return new InferenceEngine({
    models: [{ id: 'm', source: { type: 'delegated', hint: 'h' } }],
    retry: { attemptsMax: 2, backoffMs: 1 },
    eventLog,
  });
}

async function call(engine, number) {
  const script = scriptOf(seed, number, size);
  const stream = engine.generateTrackedStream({
    ...{ model: 'm', prompt: `prompt of ${number}`, clientRef: referenceOf(seed, number), tags: [script.kind] },
  });
  const { traceId } = stream;
  const erase = async () => {
    say({ call: number, traceId, step: 'erasing' });
    await engine.eventLog.erase({ traceId });
    say({ call: number, traceId, step: 'erased' });
  };
  let erasesNow = erases && script.erased === 'open';
  let left = script.kind === 'is-cancelled' ? Math.ceil(script.count / 2) : Number.POSITIVE_INFINITY;
  try {
    for await (const event of stream) {
      say({ call: number, traceId, type: event.type, event: digest(event) });
      if (erasesNow) await erase();
      erasesNow = false;
      left -= 1;
      if (left === 0) stream.cancel();
    }
    const { text, toolCalls, usage, stopReason } = await stream.result();
    say({ call: number, traceId, ended: { status: 'done', text: digest(text), toolCalls, usage, stopReason } });
  } catch (error) {
    const { code, text = '' } = error;
    if (code === undefined) throw error;
    const status = code === 'cancelled' ? 'cancelled' : 'failed';
    say({ call: number, traceId, ended: { status, text: digest(text), code } });
  }
  if (erases && script.erased === 'ended') await erase();
}

let number = first;
for (;;) {
  const engine = await open();
  const end = number + callsOfSession;
  const hanging = [];
  const lane = async () => {
    while (number < end) {
      const mine = number;
      number += 1;
      if (scriptOf(seed, mine, size).kind !== 'hangs') await call(engine, mine);
      else if (hanging.length < HANGING_MAX) hanging.push(call(engine, mine));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  say({ step: 'closing' });
  await engine.close('cancel');
  await Promise.all(hanging);
  await engine.eventLog.close();
}
