// Calls are made and ended while the process exits.
import { newEngine, registerHangingRunner, startStream } from './setup.mjs';

registerHangingRunner();
const engine = newEngine();
const stream = startStream();
await stream.next();
process.on('exit', () => {
  stream.cancel();
  engine.generate({ model: 'gpt-5', prompt: 'hi' });
  engine.close('cancel');
  startStream().detach();
});
process.exit(3);
