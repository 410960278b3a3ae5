// Instrumentation that was there before the package: every generator's results are kept, and come as thenables.
const generators = Object.getPrototypeOf(Object.getPrototypeOf((async function* () {})()));
const original = generators.next;
const kept = [];
generators.next = function next(value) {
  const answer = original.call(this, value);
  answer.then((result) => kept.push(result));
  // biome-ignore lint/suspicious/noThenProperty: this is what is tested.
  return { then: (onResult, onError) => answer.then(onResult, onError) };
};

const { InferenceEngine, setInferenceRunner } = await import('car-inference');
setInferenceRunner(async function* () {
  yield { type: 'text-delta', text: 'a' };
});
const engine = new InferenceEngine({ models: [{ id: 'm', source: { type: 'delegated' } }] });
const events = [];
for await (const event of engine.generateTrackedStream({ model: 'm', prompt: 'hi' })) events.push(event);
console.log(
  events.map(({ type }) => type).join(' '),
  kept.some(({ value }) => events.includes(value)),
);
