// Nothing but the timeout's clock is left to turn the loop.
import { setInferenceRunner, TimeoutError } from 'car-inference';
import { newEngine, startStream } from './setup.mjs';

setInferenceRunner(() => new Promise(() => {}));
const timeouts = { firstEventMs: 20, graceMs: 20 };
try {
  await newEngine({ timeouts }).generate({ model: 'gpt-5', prompt: 'hi' });
} catch (error) {
  console.log('result', error instanceof TimeoutError, error.kind);
}
try {
  for await (const event of startStream({ timeouts })) console.log(event);
} catch (error) {
  console.log('loop', error instanceof TimeoutError, error.kind);
}
