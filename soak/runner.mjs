// The runner that plays scripts, in whichever thread it is registered; counts what it has begun and finished.
import { setTimeout as sleep } from 'node:timers/promises';
import { RunnerDeclinedError } from 'car-inference';
import { delta, toolEvents } from './script.mjs';

/** Runs of this thread's runners. A call that is over must have let go of its runner. */
export const runs = { begun: 0, finished: 0 };

class Overloaded extends Error {
  status = 529;
}

async function* events(script, { attempt, cancelled, signal }) {
  if (attempt <= (script.failures ?? 0)) throw new Overloaded('try again');
  for (let index = 0; index < script.count; index += 1) {
    if (script.everyMs !== undefined && index > 0) await sleep(script.everyMs, undefined, { signal, ref: false });
    yield { type: 'text-delta', text: delta(script, index) };
  }
  if (script.end === 'tools') yield* toolEvents;
  if (script.end === 'nonsense') yield { type: 'text-delta', text: 5 };
  if (script.end === 'hang') await cancelled();
  if (script.end === 'throw') throw new Overloaded('by its script');
  if (script.end === 'decline') throw new RunnerDeclinedError('not by me');
}

async function* pulled(script, emitter) {
  runs.begun += 1;
  try {
    yield* events(script, emitter);
  } finally {
    runs.finished += 1;
  }
}

async function pushed(script, emitter) {
  runs.begun += 1;
  try {
    for await (const event of events(script, emitter)) {
      if ((await emitter.emit(event)) === 'closed') return;
    }
  } finally {
    runs.finished += 1;
  }
}

export const runner = {
  run(request, emitter) {
    const script = JSON.parse(request.prompt);
    return script.way === 'pulled' ? pulled(script, emitter) : pushed(script, emitter);
  },
};
