// A process that may touch some files only. Arguments: what to do with a log, and its path. Says what came of it.
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { EventLog, InferenceEngine, setInferenceRunner } from 'car-inference';
import { say } from './mid-stream.mjs';

const [what, path, target] = process.argv.slice(2);
const models = [{ id: 'm', source: { type: 'delegated' } }];

async function record(eventLog) {
  setInferenceRunner(async function* () {
    yield { type: 'text-delta', text: 'x' };
  });
  const engine = new InferenceEngine({ models, eventLog });
  await engine.generate({ prompt: 'hi' });
  return engine;
}

const cases = {
  async open() {
    const log = await EventLog.open(path);
    await record(log);
    const { calls } = await log.stats();
    await log.close();
    return calls;
  },
  async url() {
    await (await EventLog.open(pathToFileURL(path))).close();
  },
  async 'text of a url'() {
    await (await EventLog.open(pathToFileURL(path).href)).close();
  },
  async relative() {
    process.chdir(target);
    await (await EventLog.open(path)).close();
  },
  async engine() {
    await (await record(path)).close();
  },
  async read() {
    const log = await EventLog.open(path, { access: 'read' });
    const { calls } = await log.stats();
    await log.close();
    return calls;
  },
  async backup() {
    const log = await EventLog.open(path);
    try {
      await log.backup(target);
    } finally {
      await log.close();
    }
  },
};

try {
  say({ value: (await cases[what]()) ?? 'done' });
} catch (error) {
  const { name, message, code, permission, resource } = error;
  say({ name, message, code, permission, resource });
}
// Where Node lets it look.
if (process.permission?.has('fs.read', path)) say({ isThere: existsSync(path) });
