// A process whose log is changed by another program while it is open, before each kind of use. Arguments: a folder, the command
// that changes the log `$1`; `$2` is another log. Says for each use what the log told, or whether it holds all that was recorded.
import { execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { EventLog, InferenceEngine, LogError, setInferenceRunner } from 'car-inference';
import { say } from './mid-stream.mjs';

const [folder, command] = process.argv.slice(2);
const CALLS = 12;
const models = [{ id: 'm', source: { type: 'delegated' } }];

setInferenceRunner(async function* ({ prompt }, { cancelled }) {
  yield { type: 'text-delta', text: 'x'.repeat(2_000) };
  if (prompt === 'wait') await Promise.race([cancelled(), go.promise]);
});
let go = Promise.withResolvers();

async function recorded(name) {
  const path = join(folder, `${name}.db`);
  const log = await EventLog.open(path);
  const engine = new InferenceEngine({ models, eventLog: log });
  const acknowledged = [];
  const call = async () => acknowledged.push((await engine.generate({ prompt: 'hi' })).traceId);
  for (let calls = 0; calls < CALLS; calls += 1) {
    await call();
    if (calls === CALLS / 2) copyFileSync(path, `${path}.old`);
    if (calls === CALLS - 3) await log.settle();
  }
  return { path, log, engine, call, acknowledged };
}

const other = await recorded('other');
await other.log.close();

const uses = {
  call: ({ call }) => call(),
  async 'open call'({ engine, change, acknowledged }) {
    go = Promise.withResolvers();
    const stream = engine.generateTrackedStream({ prompt: 'wait' });
    await stream.next();
    change();
    go.resolve();
    acknowledged.push((await stream.result()).traceId);
  },
  flush: ({ log }) => log.flush(),
  read: async ({ log, acknowledged }) => {
    for (const traceId of acknowledged) await log.call(traceId);
  },
  async tail({ log, call, change }) {
    const tail = log.tail();
    // It reads once before the change, so that no read is under way at that moment.
    await call();
    for (let item; item?.value?.type !== 'call-end'; ) item = await tail.next();
    const next = tail.next();
    // It may fail before the call does, and nobody looks at it until then.
    next.catch(() => {});
    change();
    await call();
    await next;
    await tail.return();
  },
  close: ({ log }) => log.close(),
  async 'a reader beside it'({ path, acknowledged, change }) {
    const reader = await EventLog.open(path, { access: 'read' });
    try {
      await reader.call(acknowledged[0]);
      change();
      for (const traceId of acknowledged) {
        if ((await reader.call(traceId))?.status !== 'done') throw new Error('a call is missing, and nothing was said');
      }
    } finally {
      await reader.close();
    }
  },
};

const changes = new Set(['open call', 'tail', 'a reader beside it']);

for (const [moment, use] of Object.entries(uses)) {
  const subject = await recorded(moment);
  const { path, log, call, acknowledged } = subject;
  const change = () => execFileSync('sh', ['-c', command, 'sh', path, other.path]);
  try {
    if (!changes.has(moment)) change();
    await use({ ...subject, change });
    if (moment !== 'close') {
      await call();
      await log.flush();
      await log.close();
    }
  } catch (error) {
    const cause = error instanceof LogError ? error : undefined;
    say({ moment, told: cause?.reason ?? `${error}`, message: `${error}` });
    await log.close().catch(() => {});
    continue;
  }
  const again = await EventLog.open(path).catch((error) => error);
  let held = again instanceof EventLog && (await again.verify()).ok;
  for (const traceId of acknowledged) held &&= (await again.call(traceId))?.status === 'done';
  say({ moment, held, message: `${again?.message}` });
  if (again instanceof EventLog) await again.close();
}
