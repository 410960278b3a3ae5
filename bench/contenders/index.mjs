// Who is measured, by name. `pace`: roughly how many events a second of CPU buys, so that slow ones get less of the same
// work. `besideDeltas`: how many events its streams have beside the deltas, of an answer with usage. `modules`: what a host loads to use it. Contenders are loaded only in the child process that measures them.
export const contenders = {
  generator: { title: 'async generator, bare', pace: 4_000_000, besideDeltas: 2 },
  floor: { title: 'JavaScript floor', pace: 1_500_000, besideDeltas: 2 },
  'car-generator': { title: 'car-inference, generator runner', pace: 1_000_000, besideDeltas: 2 },
  'car-emitter': { title: 'car-inference, emitter runner', pace: 1_000_000, besideDeltas: 2 },
  'car-generator-log': { title: 'car-inference, generator runner, durable log', pace: 500_000, besideDeltas: 2 },
  'car-emitter-log': { title: 'car-inference, emitter runner, durable log', pace: 500_000, besideDeltas: 2 },
  'ai-sdk': { title: 'AI SDK, streamText', pace: 30_000, besideDeltas: 6, modules: ['ai'] },
  langchain: {
    title: 'LangChain, chat model',
    pace: 60_000,
    besideDeltas: 1,
    modules: ['@langchain/core/language_models/chat_models'],
  },
  'nemo-relay': { title: 'NeMo Relay, managed stream', pace: 60_000, besideDeltas: 1, modules: ['nemo-relay-node'] },
  'post-message': { title: 'JavaScript floor, then postMessage', pace: 200_000, besideDeltas: 2 },
  'car-inference': { title: 'car-inference', modules: ['car-inference'] },
};
