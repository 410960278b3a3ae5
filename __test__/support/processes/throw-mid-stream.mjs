import { registerHangingRunner, startStream } from './setup.mjs';

registerHangingRunner();
const stream = startStream();
console.log((await stream.next()).value.text);
stream.next();
setImmediate(() => {
  throw new Error('broken host');
});
