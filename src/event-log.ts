/** A log as hosts hold it: opening, questions, keeping, closing. Everything waits for a disk, so everything is a promise. */

import type { Readable, Writable } from 'node:stream';
import { types } from 'node:util';
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
  LogOutage,
  LogStats,
  PruneOptions,
  PruneReport,
  TailItem,
  VerifyOptions,
  VerifyReport,
} from '../native/types';
import { ask, type Presence } from './asks';
import { clearTimeout, setTimeout, type Timer } from './clock';
import type { LogError } from './errors';
import { errorFrom, lastError } from './failure';
import { decodeJson, describe } from './json';
import { type EncryptionKey, encryptionKey, type SigningKey, signingKey } from './keys';
import { LogCheckpoints } from './log-checkpoints';
import { LogHandle } from './log-handle';
import { exportLines, importLines } from './log-lines';
import { LogObserver, type ObserveCallback } from './log-observer';
import { type EventLogOptions, readLogOptions } from './log-options';
import { LogPages } from './log-pages';
import { logPath } from './log-path';
import { checkPermission } from './log-permission';
import { LogTail } from './log-tail';
import { native } from './native';
import { checkContent, checkObject, type Fields, hostOptions, invalid, optionsJson } from './options';

/** Which calls to list. `since` and `until` also take a `Date`; `cursor` is the `cursor` of a call. */
export interface CallQuery extends Omit<CallFilter, 'since' | 'until'> {
  /** Only started at this time or later; a number is milliseconds since the epoch. */
  since?: number | Date | undefined;
  /** Only started before this time. */
  until?: number | Date | undefined;
}

/** What `tail` begins with. */
export interface TailOptions {
  /** The `cursor` of an item: only what comes after it. Absent: only what is recorded from now on. */
  after?: string | undefined;
  /** `'start'`: from the beginning of the log. */
  from?: 'start' | 'now' | undefined;
}

/** Only this file has this token, which the constructor requires. */
const OWN = Symbol('own');
const TAIL_OPTIONS: Fields<TailOptions> = { after: 'host', from: 'host' };
/** The maximum length of a value shown in an error message. */
const SHOWN_MAX = 40;
const CALLS_PAGE = 50;
/** How long closing waits for observers. */
const OBSERVERS_WAIT_MS = 1_000;
const EVENTS_PAGE = 512;

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
  readonly #log: LogHandle;
  #checkpoints: LogCheckpoints | undefined;
  readonly #observers = new Set<LogObserver>();
  #closing: Promise<void> | undefined;
  #reopening: Promise<LogOutage | null> | undefined;

  /** Not public: get a log from `EventLog.open` or `engine.eventLog`. */
  private constructor(id: unknown, token?: symbol) {
    if (token !== OWN) {
      const path = typeof id === 'string' && id.length <= SHOWN_MAX ? `'${id}'` : "'calls.db'";
      throw new TypeError(`EventLog has no public constructor; use \`await EventLog.open(${path})\``);
    }
    this.#log = new LogHandle(id as number);
  }

  /** The log with this number in the addon. @internal */
  static ofId(id: number): EventLog {
    return new EventLog(id, OWN);
  }

  /**
   * Opens a log, making the file and its folder if need be, for the owner alone.
   *
   * @param pathOrUrl a path, or a `file:` URL.
   * @param options `durability`: what endings wait for, `'relaxed' | 'call' | 'strict' | 'event'`. `access: 'read'` reads while
   *   another process writes. `lockWaitMs`, `fullTextSearch`, `retention`, `redaction`, `key`, `checkpoint`, `observe`.
   * @throws LogError whose `reason` says why it cannot be opened; InvalidRequestError listing every problem of the options;
   *   under Node's `--permission`, an Error with `code: 'ERR_ACCESS_DENIED'` when the process may not read and write the log's files
   *   (with `access: 'read'`: may not read them).
   */
  static async open(pathOrUrl: string | URL, options: EventLogOptions = {}): Promise<EventLog> {
    const { json, access, key, checkpoint, observe } = readLogOptions(options);
    const path = logPath(pathOrUrl);
    checkPermission(path, 'read');
    if (access === 'write') checkPermission(path, 'write');
    const log = EventLog.ofId(await ask<number>(native.openLog(path, json, key)));
    if (observe !== undefined) log.observe(observe);
    if (checkpoint !== undefined) log.#checkpoints = new LogCheckpoints(log.#log, checkpoint);
    return log;
  }

  /** Opens a log on this thread, with the defaults. @internal */
  static openNow(pathOrUrl: string | URL): EventLog {
    const path = logPath(pathOrUrl);
    checkPermission(path, 'read');
    checkPermission(path, 'write');
    const id = native.openLogNow(path, '{}');
    if (id < 0) throw lastError();
    return EventLog.ofId(id);
  }

  /** Whether a value is a log, and not something around one. @internal */
  static isLog(value: object): value is EventLog {
    return #log in value;
  }

  /** @internal */
  static idOf(log: EventLog): number {
    return log.#log.id;
  }

  /** Where the log lies; undefined for one in memory. */
  get path(): string | undefined {
    return native.logPath(this.#log.id) ?? undefined;
  }

  /** The number of the last record that is as durable as the log promises; 0 before the first. */
  get durableSeq(): number {
    return this.#log.durableSeq;
  }

  /** Why the log takes nothing any more; undefined while it does. */
  get failure(): LogError | undefined {
    const json = native.logFailure(this.#log.id);
    return json === null ? undefined : (errorFrom(decodeJson<Failure>(json)) as LogError);
  }

  /**
   * One call's record, open or ended.
   *
   * @returns undefined when the log knows no such call.
   * @throws LogError when the log cannot be read; TypeError when `traceId` is not a string.
   */
  async call(traceId: string): Promise<CallRecord | undefined> {
    const call = await this.#log.ask<CallRecord | null>({ type: 'call', traceId: checkTraceId(traceId) });
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
    const json = toObject<CallFilter>('filter', withTimes(filter));
    // What is no count is Rust's to refuse, with what else is wrong.
    const isCount = Number.isInteger(json.limit ?? 0);
    let { cursor } = json;
    let left = json.limit ?? Number.POSITIVE_INFINITY;
    do {
      const limit = isCount ? Math.min(left, CALLS_PAGE) : (json.limit as number);
      const page = await this.#log.ask<CallRecord[]>({ type: 'calls', filter: { ...json, cursor, limit } });
      yield* page;
      left -= page.length;
      cursor = page.at(-1)?.cursor;
      if (page.length === 0 || page.length < limit) return;
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
    const { from, ...to } = toObject<EventRange>('range of events', range);
    let next = from;
    for (;;) {
      const question = { type: 'events', traceId: id, range: { ...to, from: next }, limit: EVENTS_PAGE };
      const page = await this.#log.ask<LoggedEvent[] | null>(question);
      if (page === null) return;
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < EVENTS_PAGE) return;
      next = last.seq + 1;
    }
  }

  /** How much the log holds, and how it is. */
  async stats(): Promise<LogStats> {
    return this.#log.ask({ type: 'stats' });
  }

  /**
   * What is recorded, as it is recorded: starts, events and ends of all calls, in the order in which they were written, without
   * gap or duplicate between what was there and what comes. Goes on until the loop is left or the log is closed.
   *
   * @param options `after`: go on after the item with this `cursor`. `from: 'start'`: from the beginning. Default: from now on.
   */
  tail(options: TailOptions = {}): AsyncGenerator<TailItem, void, undefined> {
    return new LogTail(this.#pages(this.#cursorOf(options), 'keeps-process'));
  }

  /** Null when only asking tells. Taken when it is called for: what comes before the first pull is part of it. */
  #cursorOf(options: TailOptions): string | undefined | null {
    const what = 'options of tail';
    const { after, from = 'now' } = hostOptions(what, options, TAIL_OPTIONS);
    if (from !== 'start' && from !== 'now') {
      throw invalid(what, [{ path: 'from', message: `expected 'start' or 'now', got ${shown(from)}` }]);
    }
    if (after !== undefined && typeof after !== 'string') {
      throw invalid(what, [{ path: 'after', message: `expected the \`cursor\` of an item, got ${describe(after)}` }]);
    }
    if (after !== undefined || from === 'start') return after;
    return native.endCursor(this.#log.id);
  }

  #pages(begin: string | undefined | null, presence: Presence): LogPages {
    return new LogPages(this.#log, begin, presence);
  }

  /**
   * Gives a callback what is recorded from now on, in batches. It never slows or fails a call: batches wait in the log, not in
   * memory, and what it throws is a process warning, after which the next batch comes. When the log is closed, what is
   * recorded until then is told first, for a second at most.
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
    await this.#log.ask({ type: 'flush' });
  }

  /**
   * Removes whole ended calls, the oldest first, and stops as soon as every bound holds. The file shrinks. Open calls, and
   * calls with a tag in `keep`, stay. A log within its bounds is not changed.
   *
   * @param options `maxAge`: milliseconds since the end of a call. `maxCalls`: the maximum number of calls that remain.
   *   `maxBytes`: the maximum of `stats().bytes`, to within a few pages of 4 KiB. `keep`: tags of calls that stay.
   * @returns how many calls were removed, and by how many bytes the log shrank.
   */
  async prune(options: PruneOptions): Promise<PruneReport> {
    // Without options, Rust names the possible ones.
    return this.#log.ask({
      type: 'prune',
      options: toObject('options of prune', options === undefined ? {} : options),
    });
  }

  /**
   * Erases the content of calls: requests, events, answers, failures, tags. Times, model and status stay, and `verify` still
   * succeeds.
   *
   * An open call goes on for its consumer. The log erases its content so far and does not keep later content, even if the
   * process dies. Until the call ends, its record has `eraseRequestedAt` instead of `erasedAt`. Calls that start later are
   * not affected.
   *
   * @param target `{ traceId }` or `{ tag }`. An unknown one erases nothing.
   * @returns `traceIds` of the ended calls that were erased; `pendingTraceIds` of open calls, if there are any.
   */
  async erase(target: EraseTarget): Promise<EraseReport> {
    return this.#log.ask({ type: 'erase', target: toObject('target of erase', target === undefined ? {} : target) });
  }

  /**
   * Writes closed calls to a stream as JSON Lines. Waits when the stream is full; does not end it.
   *
   * @returns how many calls were written. Open calls, and those whose payload was erased, are left out.
   */
  async export(stream: Writable, filter: CallQuery = {}): Promise<{ calls: number }> {
    checkObject('filter', '', filter);
    checkContent('filter', '', filter, false);
    return exportLines(this.#log, this.calls({ ...filter, order: filter.order ?? 'oldest' }), stream);
  }

  /**
   * Takes calls from a stream of JSON Lines as `export` writes them. A trace id that is there already is left alone.
   *
   * @throws LogError that names the line that does not fit; calls before it were taken.
   */
  async import(stream: Readable | AsyncIterable<string | Uint8Array>): Promise<ImportReport> {
    return importLines(this.#log, stream);
  }

  /** Copies the log as it is now to a new file, while it is written to. */
  async backup(path: string | URL): Promise<void> {
    const target = logPath(path);
    checkPermission(target, 'write');
    await this.#log.ask({ type: 'backup', path: target });
  }

  /**
   * Compares everything that a query can return with the hash chain, and the chain with itself.
   *
   * @param options `checkpoint`: a statement kept elsewhere, which shows truncation and rewriting. `publicKey`: what it has to be
   *   signed with, as hex.
   * @returns `ok`, and otherwise `problem`: the first bad row and what is wrong with it.
   */
  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    return this.#log.ask({ type: 'verify', options: toObject('options of verify', options) });
  }

  /** A signed statement of where the log ends, to be kept elsewhere. */
  async checkpoint(key: SigningKey): Promise<Checkpoint> {
    return this.#log.ask({ type: 'checkpoint' }, 'keeps-process', signingKey(key, 'key'));
  }

  /** From now on the log opens with this key instead. */
  async rotateKey(key: EncryptionKey): Promise<void> {
    await this.#log.ask({ type: 'rotate-key' }, 'keeps-process', encryptionKey(key, 'key'));
  }

  /**
   * Makes a failed log record again, once the cause is gone: for example after the disk was full, a write failed or a sync
   * failed. Engines and other handles of the log stay valid. Calls that were cut off are recorded as `interrupted`. A record
   * in the chain says in which time nothing was recorded. Tails and observers continue where they were. Concurrent calls
   * of `reopen()` share one attempt.
   *
   * @returns the outage: `reason`, `message`, `failedAt`, `reopenedAt` (ms since the epoch), `interruptedCalls`,
   *   `unrecordedCalls`, `lostCalls`; also in `stats().lastOutage`. Undefined, without any effect, when the log has not failed.
   * @throws LogError when the log cannot continue. Its `reason` is the cause, such as `'disk-full'`; `'moved'` when the file
   *   is missing, is another log or lacks committed records; `'locked'` when the log was opened again meanwhile; `'closed'`
   *   when it is closed. Call it again after you have removed the cause.
   * @example
   * if (log.failure?.reason === 'disk-full') {
   *   await makeRoom();
   *   const outage = await log.reopen();
   *   console.warn(`nothing was recorded for ${outage.reopenedAt - outage.failedAt} ms`);
   * }
   */
  async reopen(): Promise<LogOutage | undefined> {
    this.#reopening ??= this.#log.ask<LogOutage | null>({ type: 'reopen' }).finally(() => {
      this.#reopening = undefined;
    });
    return (await this.#reopening) ?? undefined;
  }

  /** Has the one file hold everything, so that other programs read it without the write-ahead log. @internal */
  async settle(): Promise<void> {
    await this.#log.ask({ type: 'settle' });
  }

  /**
   * Writes what waits and lets go of the file. With the last handle of the process, calls that are open fail and are recorded as
   * `interrupted`. May be called again.
   *
   * @throws LogError when what waits cannot be written.
   */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    this.#checkpoints?.stop();
    if (this.failure === undefined) await this.#finishObservers();
    // Tails look at this, and Rust wakes those that wait.
    this.#log.isClosing = true;
    await this.#log.ask({ type: 'close' });
  }

  /** Observers are told what is recorded until now; those that take their time are not waited for. */
  async #finishObservers(): Promise<void> {
    if (this.#observers.size === 0) return;
    const told = Promise.all(Array.from(this.#observers, (observer) => observer.finish()));
    let patience: Timer | undefined;
    const outOfPatience = new Promise<void>((resolve) => {
      patience = setTimeout(resolve, OBSERVERS_WAIT_MS);
    });
    await Promise.race([told, outOfPatience]);
    clearTimeout(patience);
    for (const observer of this.#observers) observer.stop();
    this.#observers.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Times as numbers: JSON would write a `Date` as text. */
function withTimes(filter: unknown): unknown {
  try {
    const fields = { ...(filter as CallQuery) };
    if (!types.isDate(fields.since) && !types.isDate(fields.until)) return filter;
    const at = (time: unknown) => (types.isDate(time) ? time.getTime() : time);
    return { ...fields, since: at(fields.since), until: at(fields.until) };
  } catch {
    return filter; // Whatever throws does so again where its path is told.
  }
}

/** What JSON holds of an object that a host gave. */
function toObject<T extends object>(what: string, given: unknown): T {
  checkObject(what, '', given);
  checkContent(what, '', given, false);
  const value = decodeJson<unknown>(optionsJson(what, given));
  checkObject(what, '', value);
  return value as T;
}

/** A short value itself, or a description of a long one, for an error message. */
function shown(value: unknown): string {
  return typeof value === 'string' && value.length <= SHOWN_MAX ? `'${value}'` : describe(value);
}

function checkTraceId(traceId: unknown): string {
  if (typeof traceId !== 'string') throw new TypeError(`traceId must be a string, got ${describe(traceId)}`);
  return traceId;
}
