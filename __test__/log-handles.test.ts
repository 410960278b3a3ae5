/** One log, several handles: of one process, of its threads, of other processes. */
import { EventLog } from 'car-inference';
import { expect, test } from 'vitest';
import { logError, newPath, PAYLOAD, Recording } from './support/durable-log';
import { LogProcess, LogThread } from './support/log-actor';

const PATIENCE_MS = 60_000;

test('a log that another process writes to is locked, until that one closes it', async () => {
  const path = newPath();
  const other = new LogProcess();
  await other.ask('open', { path });
  const text = `${PAYLOAD} of the other`;
  const traceId = await other.ask('call', text);
  await logError(EventLog.open(path), 'locked');
  await other.ask('close');
  const log = await EventLog.open(path);
  expect(await log.call(traceId)).toMatchObject({ status: 'done', text });
  await expect(other.ask('open', { path })).rejects.toMatchObject({ reason: 'locked' });
  await log.close();
  await other.ask('open', { path });
});

test('a log that another process writes to is free once that one is killed', async () => {
  const path = newPath();
  const other = new LogProcess();
  await other.ask('open', { path });
  const traceId = await other.ask('call', 'hi');
  await other.kill();
  const log = await EventLog.open(path);
  expect(await log.call(traceId)).toMatchObject({ status: 'done', text: 'hi' });
  await log.close();
});

test('who waits for the lock gets it when the other lets go, and not before', async () => {
  const path = newPath();
  const other = new LogProcess();
  await other.ask('open', { path });
  let opened = false;
  const opening = EventLog.open(path, { lockWaitMs: PATIENCE_MS }).then((log) => {
    opened = true;
    return log;
  });
  await other.ask('call', 'while somebody waits');
  expect(opened).toBe(false);
  await other.ask('close');
  const log = await opening;
  expect((await log.stats()).calls).toBe(1);
  await log.close();
});

test('who has waited long enough for the lock is told', async () => {
  const path = newPath();
  const other = new LogProcess();
  await other.ask('open', { path });
  await logError(EventLog.open(path, { lockWaitMs: 20 }), 'locked');
  expect(await other.ask('call', 'hi')).toMatch(/^[0-9a-f]{32}$/);
});

test('who waits for the lock keeps nobody from another log', async () => {
  const path = newPath();
  const other = new LogProcess();
  await other.ask('open', { path });
  const waiting = EventLog.open(path, { lockWaitMs: PATIENCE_MS });
  const log = await EventLog.open(newPath());
  await new Recording(log).call();
  await log.close();
  await other.ask('close');
  await (await waiting).close();
});

test('a process that reads sees each call that another has recorded since', async () => {
  const path = newPath();
  const writer = new LogProcess();
  await writer.ask('open', { path });
  const reader = await EventLog.open(path, { access: 'read' });
  for (const text of ['first', 'second', 'third']) {
    const traceId = await writer.ask('call', text);
    expect(await reader.call(traceId)).toMatchObject({ status: 'done', text });
    expect((await Array.fromAsync(reader.events(traceId))).map(({ seq }) => seq)).toEqual([1, 2]);
  }
  expect(await reader.verify()).toMatchObject({ ok: true, calls: 3 });
  const engine = () => new Recording(reader).call();
  await logError(engine(), 'unsupported');
  await reader.close();
  expect(await writer.ask('call', 'after the reader has gone')).toMatch(/^[0-9a-f]{32}$/);
});

test('a process that follows gets what another records, in order', async () => {
  const path = newPath();
  const writer = new LogProcess();
  await writer.ask('open', { path });
  const reader = await EventLog.open(path, { access: 'read' });
  const tail = reader.tail({ from: 'start' });
  for (const text of ['first', 'second']) {
    const traceId = await writer.ask('call', text);
    const kinds: string[] = [];
    while (kinds.at(-1) !== 'call-end') {
      const { value } = await tail.next();
      expect(value.traceId).toBe(traceId);
      kinds.push(value.type);
    }
    expect(kinds).toEqual(['call-start', 'event', 'event', 'call-end']);
  }
  await tail.return(undefined);
  await reader.close();
});

test('a process that reads goes on when the writer is killed and another comes', async () => {
  const path = newPath();
  const first = new LogProcess();
  await first.ask('open', { path });
  const kept = await first.ask('call', 'of the first');
  const reader = await EventLog.open(path, { access: 'read' });
  await first.kill();
  expect(await reader.call(kept)).toMatchObject({ text: 'of the first' });
  const second = new LogProcess();
  await second.ask('open', { path });
  const next = await second.ask('call', 'of the second');
  expect(await reader.call(kept)).toMatchObject({ text: 'of the first' });
  expect(await reader.call(next)).toMatchObject({ text: 'of the second' });
  await reader.close();
});

test('a handle that reads does not take away what protects the one that writes in the same process', async () => {
  const path = newPath();
  const writer = new LogProcess();
  await writer.ask('open', { path });
  const log = await EventLog.open(path, { access: 'read' });
  const again = await EventLog.open(path, { access: 'read' });
  await again.close();
  await logError(EventLog.open(path), 'locked');
  const traceId = await writer.ask('call', 'still here');
  await writer.kill();
  expect(await log.call(traceId)).toMatchObject({ text: 'still here' });
  await log.close();
});

test('handles of one process share a log, and the last one lets go of it', async () => {
  const path = newPath();
  const [first, second] = await Promise.all([EventLog.open(path), EventLog.open(path)]);
  const recording = new Recording(first);
  await recording.call();
  await recording.mustBeIn(second);
  await first.close();
  await logError(first.stats(), 'closed');
  await new Recording(second).call();
  const other = new LogProcess();
  await expect(other.ask('open', { path })).rejects.toMatchObject({ reason: 'locked' });
  await second.close();
  await other.ask('open', { path });
});

test('a handle of one process that asks for something else than the open log is refused', async () => {
  const path = newPath();
  const log = await EventLog.open(path);
  await logError(EventLog.open(path, { durability: 'strict' }), 'invalid-input');
  await new Recording(log).call();
  await log.close();
});

test('a thread shares the log that its process has open', async () => {
  const path = newPath();
  const log = await EventLog.open(path);
  const thread = new LogThread();
  await thread.ask('open', { path });
  const theirs = await thread.ask('call', 'of the thread');
  expect(await log.call(theirs)).toMatchObject({ status: 'done', text: 'of the thread' });
  const recording = new Recording(log);
  const { traceId, text } = await recording.call();
  expect(await thread.ask('textOf', traceId)).toBe(text);
  await thread.ask('close');
  await recording.call();
  await log.close();
});

test('a log that a thread has opened outlives the thread', async () => {
  const path = newPath();
  const thread = new LogThread();
  await thread.ask('open', { path });
  const theirs = await thread.ask('call', 'of the thread');
  const log = await EventLog.open(path);
  await thread.terminate();
  await new Recording(log).call();
  expect(await log.call(theirs)).toMatchObject({ text: 'of the thread' });
  await log.close();
  const other = new LogProcess();
  await other.ask('open', { path });
});
