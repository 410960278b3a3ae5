// A runner is registered, an engine made, a call served; nothing is disposed of or closed.
import { setInferenceRunner } from 'car-inference';
import { newEngine } from './setup.mjs';

setInferenceRunner(async function* () {
  yield { type: 'text-delta', text: 'hello' };
});
setInferenceRunner(() => {}, { hint: 'other' });
const { text } = await newEngine().generate({ model: 'gpt-5', prompt: 'hi' });
console.log(text);
