/** A thread that has a handle of a durable log and does what it is told. */
import { parentPort } from 'node:worker_threads';
import { obey } from '../log-commands.mjs';

parentPort.on('message', async (told) => parentPort.postMessage(await obey(told)));
