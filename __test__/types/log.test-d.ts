import type { KeyObject } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import {
  type CallQuery,
  type CallRecord,
  type CallStatus,
  type Checkpoint,
  type CheckpointOptions,
  type Durability,
  type EncryptionKey,
  type EraseReport,
  EventLog,
  type EventLogOptions,
  type ImportReport,
  InferenceEngine,
  type InferenceEngineOptions,
  LogError,
  type LogErrorKind,
  type LoggedEvent,
  type LogOutage,
  type LogStats,
  type ObserveCallback,
  type PruneReport,
  type SigningKey,
  type StreamEvent,
  type TailItem,
  type TailOptions,
  type VerifyReport,
} from '../../index';
import { type Equal, expectType } from './equal';

export async function open(keyObject: KeyObject): Promise<void> {
  const log = await EventLog.open('calls.db');
  expectType<Equal<typeof log, EventLog>>();
  await EventLog.open(new URL('file:///calls.db'), {
    durability: 'strict',
    access: 'write',
    lockWaitMs: 1_000,
    fullTextSearch: true,
    queueBytesMax: 1,
    retention: { maxAge: 1, maxCalls: 2, maxBytes: 3, keep: ['audit'] },
    retentionIntervalMs: 60_000,
    redaction: { builtin: true, patterns: ['x'], fields: ['messages[*].content'] },
    key: keyObject,
    checkpoint: {
      key: 'PEM',
      everyMs: 1,
      onCheckpoint: (checkpoint) => expectType<Equal<typeof checkpoint, Checkpoint>>(),
    },
    observe: (batch) => expectType<Equal<typeof batch, TailItem[]>>(),
  });
  // @ts-expect-error there are four modes
  await EventLog.open('calls.db', { durability: 'sometimes' });
  // @ts-expect-error a key is 32 bytes, and no text
  await EventLog.open('calls.db', { key: 'secret' });
  // @ts-expect-error a checkpoint has to be kept
  await EventLog.open('calls.db', { checkpoint: { key: new Uint8Array(32) } });
  expectType<Equal<Durability, 'relaxed' | 'call' | 'strict' | 'event'>>();
  expectType<Equal<EncryptionKey, Uint8Array | KeyObject>>();
  expectType<Equal<SigningKey, Uint8Array | KeyObject | string>>();
  const options: EventLogOptions = {};
  const checkpoint: CheckpointOptions = { key: new Uint8Array(32), onCheckpoint: async () => {} };
  await EventLog.open('calls.db', { ...options, checkpoint });
}

export function record(log: EventLog, path: string | undefined): void {
  const options: InferenceEngineOptions = { eventLog: log, onLogFailure: 'continue' };
  const engine = new InferenceEngine(options);
  new InferenceEngine({ eventLog: 'calls.db' });
  new InferenceEngine({ eventLog: new URL('file:///calls.db') });
  new InferenceEngine({ eventLog: path });
  // @ts-expect-error options are those of EventLog.open
  new InferenceEngine({ eventLog: { path: 'calls.db' } });
  // @ts-expect-error calls are refused or go on
  new InferenceEngine({ onLogFailure: 'ignore' });
  expectType<Equal<typeof engine.eventLog, EventLog>>();
  // @ts-expect-error the log of an engine stays
  engine.eventLog = log;
}

export async function ask(log: EventLog): Promise<void> {
  expectType<Equal<typeof log.path, string | undefined>>();
  expectType<Equal<typeof log.durableSeq, number>>();
  expectType<Equal<typeof log.failure, LogError | undefined>>();
  // @ts-expect-error it is told, and not set
  log.durableSeq = 5;

  expectType<Equal<Awaited<ReturnType<typeof log.call>>, CallRecord | undefined>>();
  const query: CallQuery = {
    since: new Date(),
    until: 5,
    status: 'failed',
    tags: ['a'],
    order: 'oldest',
    text: 'word',
  };
  for await (const call of log.calls(query)) {
    expectType<Equal<typeof call, CallRecord>>();
    expectType<Equal<typeof call.status, CallStatus>>();
    call.text?.toUpperCase();
    // @ts-expect-error absent while the call is open
    call.text.toUpperCase();
    call.failure?.code.toUpperCase();
    call.endedAt?.toFixed();
  }
  // @ts-expect-error a status is a word of these
  log.calls({ status: 'lost' });
  // @ts-expect-error a time is a number or a Date
  log.calls({ since: 'yesterday' });
  for await (const event of log.events('id', { from: 1, to: 2 })) {
    expectType<Equal<typeof event, LoggedEvent>>();
    expectType<Equal<typeof event.event, StreamEvent>>();
  }
  expectType<Equal<Awaited<ReturnType<typeof log.stats>>, LogStats>>();
  expectType<Equal<Awaited<ReturnType<typeof log.reopen>>, LogOutage | undefined>>();

  const after: TailOptions = { after: 'cursor' };
  const tail = log.tail(after);
  expectType<Equal<typeof tail, AsyncGenerator<TailItem, void, undefined>>>();
  for await (const item of log.tail({ from: 'start' })) {
    if (item.type === 'event') expectType<Equal<typeof item.event, StreamEvent>>();
    else expectType<Equal<typeof item.call, CallRecord>>();
    item.cursor.toUpperCase();
  }
  await tail.return();
  // @ts-expect-error a tail begins at the start or now
  log.tail({ from: 'middle' });

  const callback: ObserveCallback = async (batch) => void batch.length;
  const stop = log.observe(callback);
  expectType<Equal<typeof stop, () => void>>();
}

export async function keep(log: EventLog): Promise<void> {
  expectType<Equal<Awaited<ReturnType<typeof log.flush>>, void>>();
  expectType<Equal<Awaited<ReturnType<typeof log.prune>>, PruneReport>>();
  expectType<Equal<Awaited<ReturnType<typeof log.erase>>, EraseReport>>();
  // @ts-expect-error pruning needs its bounds
  log.prune();
  // @ts-expect-error erasing needs a target
  log.erase();
  const { calls } = await log.export(new PassThrough(), { tags: ['a'] });
  calls.toFixed();
  expectType<Equal<Awaited<ReturnType<typeof log.import>>, ImportReport>>();
  await log.import(Readable.from(['line\n']));
  await log.import(new PassThrough());
  await log.import(
    (async function* () {
      yield new Uint8Array();
      yield 'text';
    })(),
  );
  await log.backup('copy.db');
  await log.backup(new URL('file:///copy.db'));
  const checkpoint = await log.checkpoint(new Uint8Array(32));
  expectType<Equal<typeof checkpoint, Checkpoint>>();
  const report = await log.verify({ checkpoint, publicKey: 'hex' });
  expectType<Equal<typeof report, VerifyReport>>();
  report.problem?.message.toUpperCase();
  await log.rotateKey(new Uint8Array(32));
  await log.close();
  await using closing = log;
  expectType<Equal<typeof closing, EventLog>>();
}

export function heard(error: unknown): void {
  if (!LogError.isInstance(error)) return;
  expectType<Equal<typeof error, LogError>>();
  expectType<Equal<typeof error.code, LogError['code']>>();
  expectType<Equal<NonNullable<typeof error.reason>, LogErrorKind>>();
}

// @ts-expect-error a log is opened with `EventLog.open`
new EventLog('calls.db');
