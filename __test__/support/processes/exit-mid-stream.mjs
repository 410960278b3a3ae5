import { registerHangingRunner, startStream } from './setup.mjs';

registerHangingRunner();
for await (const event of startStream()) {
  console.log(event.text);
  process.exit(7);
}
