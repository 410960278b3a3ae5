// The work that is counted: runners that give so many events of one kind, in each way a runner can give them.
const kinds = {
  'text-delta': { type: 'text-delta', text: 'word' },
  'reasoning-delta': { type: 'reasoning-delta', index: 0, text: 'word' },
  'tool-call-delta': { type: 'tool-call-delta', index: 0, argumentsDelta: '1234' },
  usage: { type: 'usage', inputTokens: 12, outputTokens: 34 },
  custom: { type: 'custom', name: 'mine', data: null },
};

/** Events that must come before some of a kind. */
const beginnings = { 'tool-call-delta': [{ type: 'tool-call-start', index: 0, name: 'tool' }] };

/** A prompt is the order for a runner. */
export function order(kind, count) {
  return `${kind} ${count}`;
}

function answer({ prompt }) {
  const [kind, count] = prompt.split(' ');
  return { beginning: beginnings[kind] ?? [], event: kinds[kind], count: Number(count) };
}

export const runners = {
  async *generator(request) {
    const { beginning, event, count } = answer(request);
    for (const first of beginning) yield first;
    for (let index = 0; index < count; index += 1) yield event;
  },
  async 'emitter that awaits'(request, { emit }) {
    const { beginning, event, count } = answer(request);
    for (const first of beginning) await emit(first);
    for (let index = 0; index < count; index += 1) await emit(event);
  },
  async 'emitter that does not await'(request, { emit }) {
    const { beginning, event, count } = answer(request);
    for (const first of beginning) emit(first);
    for (let index = 0; index < count; index += 1) emit(event);
  },
};

const word = kinds['text-delta'];

/** One event, then silence. `held` keeps what a socket would keep: else the whole stream would be garbage. */
export function idleRunners(held) {
  const silence = () =>
    new Promise((resolve) => {
      held.push(resolve);
    });
  return {
    async *generator() {
      yield word;
      await silence();
    },
    async 'emitter that awaits'(_request, { emit }) {
      await emit(word);
      await silence();
    },
  };
}

/** Room for all that is counted: waiting for room is another case. */
export const engineOptions = {
  models: [{ id: 'counted', source: { type: 'delegated' } }],
  limits: { bufferedEventsMax: 100_000, unawaitedEventsMax: 100_000 },
};

export async function consume(events) {
  for await (const _event of events);
}
