/** A log as hosts hold it: opening, questions, keeping, closing. Everything waits for a disk, so everything is a promise. */

import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type {
  CallFilter,
  CallRecord,
  Checkpoint,
  EraseReport,
  EraseTarget,
  EventRange,
  Failure,
  ImportReport,
  LoggedEvent,
  LogStats,
  PruneOptions,
  PruneReport,
  SqliteLogOptions,
  TailItem,
  VerifyOptions,
  VerifyReport,
} from '../native/types';
import { ask, type Presence } from './asks';
import { invalid } from './call-input';
import type { LogError } from './errors';
import { errorFrom, lastError } from './failure';
import { decodeJson, describe, encodeJson, JsonProblem, withoutHalves } from './json';
import { type EncryptionKey, encryptionKey, type SigningKey, signingKey } from './keys';
import { exportLines, importLines } from './log-lines';
import { LogObserver, type ObserveCallback } from './log-observer';
import { native } from './native';

/** Which calls to list. `since` and `until` also take a `Date`; `cursor` is the `cursor` of a call. */
export interface CallQuery extends Omit<CallFilter, 'since' | 'until'> {
  /** Only started at this time or later; a number is milliseconds since the epoch. */
  since?: number | Date;
  /** Only started before this time. */
  until?: number | Date;
}

/** What `tail` begins with. */
export interface TailOptions {
  /** The `cursor` of an item: only what comes after it. Absent: only what is recorded from now on. */
  after?: string;
  /** `'start'`: from the beginning of the log. */
  from?: 'start' | 'now';
}

/** Signed statements of where the log ends, made by itself. */
export interface CheckpointOptions {
  /** The Ed25519 key that signs. */
  key: SigningKey;
  /** How often, in milliseconds, when something was recorded since. Default: 3,600,000. */
  everyMs?: number;
  /** Is given each one, to keep it where who can write to the log cannot. What it throws is a process warning. */
  onCheckpoint: (checkpoint: Checkpoint) => unknown;
}

/** How a durable log is opened. */
export interface EventLogOptions extends SqliteLogOptions {
  /** Encrypts what calls say. 32 bytes; without them the log cannot be read. */
  key?: EncryptionKey;
  /** Makes checkpoints by itself. */
  checkpoint?: CheckpointOptions;
  /** As `observe` of the log. */
  observe?: ObserveCallback;
}

const CALLS_PAGE = 50;
const EVENTS_PAGE = 512;
const TAIL_PAGE = 256;
const CHECKPOINT_EVERY_MS = 3_600_000;

const forgotten = new FinalizationRegistry<number>((id) => native.releaseLog(id));

/**
 * What was recorded: every call with its start, events, verdicts and ending. `EventLog.open` opens a durable one, in an SQLite
 * file; `engine.eventLog` is the one that an engine records to.
 *
 * @example
 * const log = await EventLog.open('calls.db');
 * const engine = new InferenceEngine({ models, eventLog: log });
 * for await (const call of log.calls({ status: 'failed', limit: 10 })) console.log(call.traceId, call.failure?.message);
 */
export class EventLog {
  readonly #id: number;
  readonly #observers = new Set<LogObserver>();
  #checkpoints: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  /** Logs come from `EventLog.open` and `engine.eventLog`. @internal */
  constructor(id: number) {
    this.#id = id;
    forgotten.register(this, id, this);
  }

  /**
   * Opens a log, making the file and its folder if need be, for the owner alone.
   *
   * @param pathOrUrl a path, or a `file:` URL.
   * @param options `durability`: what endings wait for, `'relaxed' | 'call' | 'strict' | 'event'`. `access: 'read'` reads while
   *   another process writes. `lockWaitMs`, `fullTextSearch`, `retention`, `redaction`, `key`, `checkpoint`, `observe`.
   * @throws LogError whose `reason` says why it cannot be opened; InvalidRequestError listing every problem of the options.
   */
  static async open(pathOrUrl: string | URL, options: EventLogOptions = {}): Promise<EventLog> {
    const { key, checkpoint, observe, ...rest } = readOptions(options);
    const json = toJson(rest);
    const bytes = key === undefined ? undefined : encryptionKey(key, 'key');
    const signer = checkpoint === undefined ? undefined : signingKey(checkpoint.key, 'checkpoint.key');
    const log = new EventLog(await ask<number>(native.openLog(pathOf(pathOrUrl), json, bytes)));
    if (observe !== undefined) log.observe(observe);
    if (checkpoint !== undefined && signer !== undefined) log.#checkpointEvery(checkpoint, signer);
    return log;
  }

  /** Opens a log on this thread, with the defaults. @internal */
  static openNow(pathOrUrl: string | URL): EventLog {
    const id = native.openLogNow(pathOf(pathOrUrl), '{}');
    if (id < 0) throw lastError();
    return new EventLog(id);
  }

  /** @internal */
  static idOf(log: EventLog): number {
    return log.#id;
  }

  /** Where the log lies; undefined for one in memory. */
  get path(): string | undefined {
    return native.logPath(this.#id) ?? undefined;
  }

  /** The number of the last record that is as durable as the log promises; 0 before the first. */
  get durableSeq(): number {
    return native.durableSeq(this.#id);
  }

  /** Why the log takes nothing any more; undefined while it does. */
  get failure(): LogError | undefined {
    const json = native.logFailure(this.#id);
    return json === null ? undefined : (errorFrom(decodeJson<Failure>(json)) as LogError);
  }

  /**
   * One call's record, open or ended.
   *
   * @returns undefined when the log knows no such call.
   * @throws LogError when the log cannot be read; TypeError when `traceId` is not a string.
   */
  async call(traceId: string): Promise<CallRecord | undefined> {
    const call = await this.#ask<CallRecord | null>({ type: 'call', traceId: checkTraceId(traceId) });
    return call ?? undefined;
  }

  /**
   * The calls that a filter asks for, the newest first. Read page by page, as the loop goes on: calls that are recorded
   * meanwhile neither repeat nor hide others.
   *
   * @param filter `model`, `status`, `tags` (all of them), `conversationId`, `parentTraceId`, `clientRef`, `since`, `until`,
   *   `text` (words in prompt or answer), `limit`, `cursor`, `order`.
   * @throws LogError when the log cannot be read; InvalidRequestError when the filter is not valid.
   */
  async *calls(filter: CallQuery = {}): AsyncGenerator<CallRecord, void, undefined> {
    const json = decodeJson<CallFilter | null>(toJson(withTimes(filter)));
    if (typeof json !== 'object' || json === null) throw invalid([{ path: '', message: 'expected an object' }]);
    let { cursor } = json;
    let left = typeof json.limit === 'number' ? json.limit : Number.POSITIVE_INFINITY;
    do {
      const limit =
        typeof json.limit === 'number' || json.limit === undefined ? Math.min(left, CALLS_PAGE) : json.limit;
      const page = await this.#ask<CallRecord[]>({ type: 'calls', filter: { ...json, cursor, limit } });
      yield* page;
      left -= page.length;
      cursor = page.at(-1)?.cursor;
      if (page.length < limit) return;
    } while (left > 0);
  }

  /**
   * One call's events in order, each with its sequence number, time (ms since the epoch) and attempt. Empty when the log
   * knows no such call, or its payload was erased.
   *
   * @param range `from` and `to`, both included.
   * @throws LogError when the log cannot be read; TypeError when `traceId` is not a string.
   */
  async *events(traceId: string, range: EventRange = {}): AsyncGenerator<LoggedEvent, void, undefined> {
    const id = checkTraceId(traceId);
    const { from, ...to } = decodeJson<EventRange>(toJson(range));
    let next = from;
    for (;;) {
      const question = { type: 'events', traceId: id, range: { ...to, from: next }, limit: EVENTS_PAGE };
      const page = await this.#ask<LoggedEvent[] | null>(question);
      if (page === null) return;
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < EVENTS_PAGE) return;
      next = last.seq + 1;
    }
  }

  /** How much the log holds, and how it is. */
  stats(): Promise<LogStats> {
    return this.#ask({ type: 'stats' });
  }

  /**
   * What is recorded, as it is recorded: starts, events and ends of all calls, in the order in which they were written, without
   * gap or duplicate between what was there and what comes. Goes on until the loop is left or the log is closed.
   *
   * @param options `after`: go on after the item with this `cursor`. `from: 'start'`: from the beginning. Default: from now on.
   */
  tail(options: TailOptions = {}): AsyncGenerator<TailItem, void, undefined> {
    return this.#tail(this.#pages(this.#cursorOf(options), 'keeps-process'));
  }

  async *#tail(pages: AsyncGenerator<TailItem[], void, undefined>): AsyncGenerator<TailItem, void, undefined> {
    for await (const page of pages) yield* page;
  }

  /** Null when only asking tells. Taken when it is called for: what comes before the first pull is part of it. */
  #cursorOf({ after, from }: TailOptions): string | undefined | null {
    if (after !== undefined || from === 'start') return after;
    return native.endCursor(this.#id);
  }

  async *#pages(begin: string | undefined | null, presence: Presence): AsyncGenerator<TailItem[], void, undefined> {
    let cursor = begin ?? (begin === null ? await this.#ask<string>({ type: 'end-cursor' }, presence) : undefined);
    for (;;) {
      const question = { type: 'tail', cursor, limit: TAIL_PAGE };
      const page: { items: TailItem[]; cursor: string } = await this.#ask(question, presence);
      if (page.items.length > 0) yield page.items;
      else await this.#ask({ type: 'changed', cursor: page.cursor }, presence);
      if (this.#closing !== undefined) return;
      cursor = page.cursor;
    }
  }

  /**
   * Gives a callback what is recorded from now on, in batches. It never slows or fails a call: batches wait in the log, not in
   * memory, and what it throws is a process warning, after which the next batch comes.
   *
   * @returns a function that ends it.
   */
  observe(callback: ObserveCallback): () => void {
    if (typeof callback !== 'function') throw new TypeError(`observe: expected a function, got ${describe(callback)}`);
    const observer = new LogObserver(this.#pages(this.#cursorOf({}), 'lets-process-leave'), callback);
    this.#observers.add(observer);
    return () => {
      observer.stop();
      this.#observers.delete(observer);
    };
  }

  /** Resolves once everything recorded so far is on the disk, whatever the mode. */
  async flush(): Promise<void> {
    await this.#ask({ type: 'flush' });
  }

  /**
   * Removes whole closed calls, the oldest first, and gives the space back.
   *
   * @param options `maxAge` in milliseconds since the end, `maxCalls`, `maxBytes`; `keep`: labels of calls that stay.
   */
  prune(options: PruneOptions): Promise<PruneReport> {
    return this.#ask({ type: 'prune', options: decodeJson(toJson(options)) });
  }

  /**
   * Erases what calls said: requests, events, answers, failures, labels. When, which model and how it ended stays, and `verify`
   * stays green.
   *
   * @param target `{ traceId }` or `{ tag }`.
   */
  erase(target: EraseTarget): Promise<EraseReport> {
    return this.#ask({ type: 'erase', target: decodeJson(toJson(target)) });
  }

  /**
   * Writes closed calls to a stream as JSON Lines. Waits when the stream is full; does not end it.
   *
   * @returns how many calls were written. Open calls, and those whose payload was erased, are left out.
   */
  export(stream: Writable, filter: CallQuery = {}): Promise<{ calls: number }> {
    return exportLines(this, (question) => this.#ask(question), stream, filter);
  }

  /**
   * Takes calls from a stream of JSON Lines as `export` writes them. A trace id that is there already is left alone.
   *
   * @throws LogError that names the line that does not fit; calls before it were taken.
   */
  import(stream: Readable | AsyncIterable<string | Uint8Array>): Promise<ImportReport> {
    return importLines((question) => this.#ask(question), stream);
  }

  /** Copies the log as it is now to a new file, while it is written to. */
  async backup(path: string | URL): Promise<void> {
    await this.#ask({ type: 'backup', path: pathOf(path) });
  }

  /**
   * Compares everything that a query can return with the hash chain, and the chain with itself.
   *
   * @param options `checkpoint`: a statement kept elsewhere, which shows truncation and rewriting. `publicKey`: what it has to be
   *   signed with, as hex.
   * @returns `ok`, and otherwise `problem`: the first bad row and what is wrong with it.
   */
  verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    return this.#ask({ type: 'verify', options: decodeJson(toJson(options)) });
  }

  /** A signed statement of where the log ends, to be kept elsewhere. */
  checkpoint(key: SigningKey): Promise<Checkpoint> {
    return this.#ask({ type: 'checkpoint' }, 'keeps-process', signingKey(key, 'key'));
  }

  /** From now on the log opens with this key instead. */
  async rotateKey(key: EncryptionKey): Promise<void> {
    await this.#ask({ type: 'rotate-key' }, 'keeps-process', encryptionKey(key, 'key'));
  }

  /** Has the one file hold everything, so that other programs read it without the write-ahead log. @internal */
  async settle(): Promise<void> {
    await this.#ask({ type: 'settle' });
  }

  /**
   * Writes what waits and lets go of the file. Calls that are open fail, and are recorded as `interrupted`. May be called again.
   *
   * @throws LogError when what waits cannot be written.
   */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#checkpoints);
    for (const observer of this.#observers) observer.stop();
    this.#observers.clear();
    await this.#ask({ type: 'close' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #ask<T>(question: object, presence?: Presence, bytes?: Uint8Array): Promise<T> {
    return ask<T>(native.askLog(this.#id, withoutHalves(JSON.stringify(question)), bytes), presence);
  }

  #checkpointEvery({ everyMs = CHECKPOINT_EVERY_MS, onCheckpoint }: CheckpointOptions, key: Uint8Array): void {
    let seen = this.durableSeq;
    const look = async () => {
      if (this.durableSeq === seen) return;
      try {
        const checkpoint = await this.#ask<Checkpoint>({ type: 'checkpoint' }, 'lets-process-leave', key);
        seen = checkpoint.count;
        await onCheckpoint(checkpoint);
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error));
      }
    };
    this.#checkpoints = setInterval(look, everyMs).unref();
  }
}

function readOptions(options: unknown): EventLogOptions {
  if (typeof options !== 'object' || options === null) {
    throw invalid([{ path: 'options', message: `must be an object, got ${describe(options)}` }]);
  }
  const { checkpoint, observe } = options as EventLogOptions;
  if (observe !== undefined && typeof observe !== 'function') {
    throw invalid([{ path: 'observe', message: `expected a function, got ${describe(observe)}` }]);
  }
  if (checkpoint !== undefined && typeof checkpoint?.onCheckpoint !== 'function') {
    throw invalid([
      { path: 'checkpoint.onCheckpoint', message: 'required: a function that keeps the checkpoint elsewhere' },
    ]);
  }
  const everyMs = checkpoint?.everyMs;
  if (everyMs !== undefined && !(Number.isInteger(everyMs) && everyMs >= 1 && everyMs <= 2 ** 31 - 1)) {
    throw invalid([{ path: 'checkpoint.everyMs', message: 'expected milliseconds from 1 to 2,147,483,647' }]);
  }
  return options as EventLogOptions;
}

function withTimes(filter: CallQuery): CallQuery {
  if (typeof filter !== 'object' || filter === null) return filter;
  const { since, until, ...rest } = filter;
  const at = (time: number | Date | undefined) => (time instanceof Date ? time.getTime() : time);
  return {
    ...rest,
    ...(since !== undefined && { since: at(since) }),
    ...(until !== undefined && { until: at(until) }),
  } as CallQuery;
}

function toJson(value: unknown): string {
  const json = encodeJson(value);
  if (json instanceof JsonProblem) throw invalid([json]);
  return json;
}

function pathOf(pathOrUrl: unknown): string {
  if (pathOrUrl instanceof URL) return pathOrUrl.protocol === 'file:' ? fileURLToPath(pathOrUrl) : pathOrUrl.href;
  if (typeof pathOrUrl !== 'string')
    throw new TypeError(`the path of a log must be a string or a URL, got ${describe(pathOrUrl)}`);
  return pathOrUrl;
}

function checkTraceId(traceId: unknown): string {
  if (typeof traceId !== 'string') throw new TypeError(`traceId must be a string, got ${describe(traceId)}`);
  return traceId;
}
