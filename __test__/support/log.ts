/** Durable logs in folders of their own, which are gone when the test is over, and calls to fill them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CallRecord,
  EventLog,
  type EventLogOptions,
  type GenerateRequest,
  InferenceEngine,
  type InferenceEngineOptions,
  type LoggedEvent,
  type RunnerEvent,
  setInferenceRunner,
} from 'car-inference';
import { onTestFinished } from 'vitest';
import { MODEL, REQUEST } from './engine';
import { text } from './scripted-runner';

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'car-inference-log-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The path of a log that is not there yet. */
export function newPath(): string {
  return join(newFolder(), 'calls.db');
}

/** A log that is closed when the test is over, whatever has become of it. */
export async function openLog(path = newPath(), options: EventLogOptions = {}): Promise<EventLog> {
  const log = await EventLog.open(path, options);
  onTestFinished(() => log.close().catch(() => {}));
  return log;
}

/** An engine that records to this log. */
export function engineOf(
  eventLog: NonNullable<InferenceEngineOptions['eventLog']>,
  options: InferenceEngineOptions = {},
): InferenceEngine {
  return new InferenceEngine({ models: [MODEL], ...options, eventLog });
}

/** A runner that answers with the words of the prompt, one a delta. */
export async function* echo(request: GenerateRequest): AsyncGenerator<RunnerEvent, void, undefined> {
  for (const word of String(request.prompt).split(' ')) yield text(word);
}

/** A call that goes well. Returns its trace id. */
export async function recordCall(engine: InferenceEngine, request: Partial<GenerateRequest> = {}): Promise<string> {
  return (await engine.generate({ ...REQUEST, ...request })).traceId;
}

/** So many calls, whose `clientRef` is their number. */
export async function recordCalls(engine: InferenceEngine, count: number): Promise<string[]> {
  const traceIds: string[] = [];
  for (let number = 0; number < count; number += 1) {
    traceIds.push(await recordCall(engine, { clientRef: String(number), prompt: `call ${number}` }));
  }
  return traceIds;
}

/** Registers `echo` and opens a log with an engine. */
export async function newRecording(
  options: EventLogOptions = {},
  path = newPath(),
): Promise<{ log: EventLog; engine: InferenceEngine; path: string }> {
  setInferenceRunner(echo);
  const log = await openLog(path, options);
  return { log, engine: engineOf(log), path };
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

export function eventsIn(log: EventLog, traceId: string): Promise<LoggedEvent[]> {
  return all(log.events(traceId));
}

export async function refsOf(calls: AsyncIterable<CallRecord>): Promise<Array<string | undefined>> {
  return (await all(calls)).map(({ clientRef }) => clientRef);
}

/** What a `LogError` of this reason is matched by. */
export function logError(reason: string) {
  return { name: 'LogError', code: 'log-failed', reason };
}
