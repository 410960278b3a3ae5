// A process that has a durable log of its own and does what it is told, a line of JSON a command.
import { createInterface } from 'node:readline';
import { obey } from '../log-commands.mjs';

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await obey(JSON.parse(line))));
}
