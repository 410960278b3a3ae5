// Streams that were made, one that was begun and left lying around: none is awaited, so none keeps the process.
import { registerHangingRunner, startStream } from './setup.mjs';

registerHangingRunner();
globalThis.kept = [startStream(), startStream()];
const { value } = await globalThis.kept[0].next();
console.log(value.text);
