// One log under as many calls as it takes, while it is read, searched, pruned and copied. Afterwards every call that was
// acknowledged must be in it, unless retention was to remove it.
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EventLog, InferenceEngine } from 'car-inference';
import { Lanes } from '../lanes.mjs';

/** Every so many calls, one whose answer fills the write-ahead log faster than it is copied. */
const LARGE_EVERY = 16;
const LARGE_CHARACTERS = 200_000;
const SMALL_CHARACTERS = 300;
/** Every so many calls, one that retention keeps. */
const KEPT_EVERY = 8;
const DELTAS = 20;
const SAMPLE_EVERY_MS = 20;

const textOf = (number) =>
  `answer number${number} `.padEnd(number % LARGE_EVERY === 0 ? LARGE_CHARACTERS : SMALL_CHARACTERS, 'lorem ipsum ');
const isKept = (number) => number % KEPT_EVERY === 1;

/** Answers what `textOf` says for the number in the prompt. */
export async function* answer({ clientRef }) {
  const text = textOf(Number(clientRef));
  const length = Math.ceil(text.length / DELTAS);
  for (let at = 0; at < text.length; at += length) yield { type: 'text-delta', text: text.slice(at, at + length) };
  yield { type: 'usage', inputTokens: 100, outputTokens: 30 };
}

/**
 * What a saturated log came to. `problems` is empty when nothing was lost and nothing failed.
 *
 * @typedef {{ durability: string, calls: number, callsPerSecond: number, refused: number, longestMs: number,
 *   walBytesMax: number, walBytesMedian: number, walBytes: number[], reads: number, searches: number, backups: number,
 *   problems: string[] }} Report
 */

/**
 * Saturates a new log in `folder`. Needs `answer` as runner.
 *
 * @param {{ folder: string, durability: string, durationMs: number, callers: number }} options
 * @returns {Promise<Report>}
 */
export async function saturate({ folder, durability, durationMs, callers }) {
  const run = new Saturation(folder, durability, durationMs);
  await run.open();
  await run.load(callers);
  await run.close();
  await run.check();
  return run.report();
}

class Saturation {
  #path;
  #folder;
  #durability;
  #durationMs;
  /** How long a call stays after it has ended. */
  #keptMs;
  #log;
  #engine;
  #lanes = new Lanes();
  #started = 0;
  /** By number: its trace id, and when it began. */
  #acknowledged = new Map();
  #refused = 0;
  #longestMs = 0;
  #tookMs = 0;
  #done = { reads: 0, searches: 0, backups: 0 };
  #walBytes = [];
  #problems = new Map();

  constructor(folder, durability, durationMs) {
    this.#folder = folder;
    this.#path = join(folder, `${durability}.db`);
    this.#durability = durability;
    this.#durationMs = durationMs;
    this.#keptMs = durationMs / 4;
  }

  async open() {
    this.#log = await EventLog.open(this.#path, {
      durability: this.#durability,
      fullTextSearch: true,
      retention: { maxAge: this.#keptMs, keep: ['kept'] },
      retentionIntervalMs: Math.ceil(this.#durationMs / 6),
    });
    this.#engine = new InferenceEngine({
      models: [{ id: 'm', source: { type: 'delegated' } }],
      eventLog: this.#log,
      // Only the log may slow or refuse a call.
      timeouts: { firstEventMs: 600_000, idleMs: 600_000, totalMs: 600_000 },
    });
  }

  /** Calls, and everything beside them, until the time is over. */
  async load(callers) {
    const begunAt = performance.now();
    for (let caller = 0; caller < callers; caller += 1) this.#lanes.add('calls', () => this.#call());
    this.#lane('reader', () => this.#read());
    this.#lane('searcher', () => this.#search());
    this.#lane('backups', () => this.#backUp());
    this.#lanes.add('samples', async () => {
      this.#walBytes.push(this.#sizeOfWal());
      await this.#lanes.pause(SAMPLE_EVERY_MS);
    });
    await this.#lanes.pause(this.#durationMs);
    this.#lanes.stop();
    await this.#lanes.ended();
    this.#tookMs = performance.now() - begunAt;
  }

  async close() {
    await this.#tried('engine.close', () => this.#engine.close('drain'));
    await this.#tried('log.close', () => this.#log.close());
  }

  /** Looks for every call that its caller was told of. */
  async check() {
    const endedAt = performance.now();
    const log = await EventLog.open(this.#path, { access: 'read' });
    const verified = await log.verify();
    if (!verified.ok) this.#problem(`verify: ${verified.problem?.message}`);
    const missing = new Map(this.#acknowledged);
    for await (const { clientRef, text, status, traceId } of log.calls()) {
      const number = Number(clientRef);
      if (missing.get(number)?.traceId !== traceId) continue;
      missing.delete(number);
      if (status !== 'done' || text !== textOf(number)) this.#problem('a call reads back as another');
    }
    // Retention removes what ended before that.
    const isLost = ([number, { begunAt }]) => isKept(number) || endedAt - begunAt < this.#keptMs;
    const lost = [...missing].filter(isLost);
    if (lost.length > 0) this.#problem(`${lost.length} calls were acknowledged and are not in the log`);
    await log.close();
  }

  report() {
    const sorted = this.#walBytes.toSorted((one, other) => one - other);
    return {
      durability: this.#durability,
      calls: this.#acknowledged.size,
      callsPerSecond: this.#acknowledged.size / (this.#tookMs / 1_000),
      refused: this.#refused,
      longestMs: this.#longestMs,
      walBytesMax: sorted.at(-1) ?? 0,
      walBytesMedian: sorted[sorted.length >> 1] ?? 0,
      /** Sixty moments of the run. */
      walBytes: Array.from({ length: 60 }, (_, at) => this.#walBytes[Math.floor((at * sorted.length) / 60)] ?? 0),
      ...this.#done,
      problems: [...this.#problems].map(([problem, count]) => (count > 1 ? `${problem} (${count} times)` : problem)),
    };
  }

  async #call() {
    const number = this.#started;
    this.#started += 1;
    const tags = isKept(number) ? ['kept', `user:${number % 500}`] : [`user:${number % 500}`];
    const begunAt = performance.now();
    try {
      const { traceId } = await this.#engine.generate({
        model: 'm',
        prompt: `question ${number}`,
        clientRef: String(number),
        conversationId: `conversation ${number % 5_000}`,
        tags,
      });
      this.#acknowledged.set(number, { traceId, begunAt });
    } catch (error) {
      this.#refused += 1;
      this.#problem(`a call was refused: ${error.message}`);
      await this.#lanes.pause(10);
    }
    this.#longestMs = Math.max(this.#longestMs, performance.now() - begunAt);
  }

  async #read() {
    const recent = await this.#recent();
    if (recent === undefined) return;
    const [number, { traceId }] = recent;
    const record = await this.#log.call(traceId);
    if (record?.text !== textOf(number)) this.#problem('a call that was acknowledged is not read');
    for await (const _event of this.#log.events(traceId));
    for await (const _call of this.#log.calls({ limit: 20 }));
    await this.#log.stats();
    this.#done.reads += 1;
  }

  async #search() {
    const recent = await this.#recent();
    if (recent === undefined) return;
    const [number] = recent;
    let found = 0;
    for await (const call of this.#log.calls({ text: `number${number}`, limit: 5 })) {
      found += Number(call.clientRef === String(number));
    }
    if (found !== 1) this.#problem('a call that was acknowledged is not found by its words');
    this.#done.searches += 1;
  }

  async #backUp() {
    await this.#lanes.pause(this.#durationMs / 8);
    const path = join(this.#folder, `${this.#durability}-backup.db`);
    rmSync(path, { force: true });
    await this.#log.backup(path);
    const copy = await EventLog.open(path, { access: 'read' });
    const { calls } = await copy.stats();
    if (calls === 0) this.#problem('a backup is empty');
    await copy.close();
    this.#done.backups += 1;
  }

  /** A call that was acknowledged a moment ago, and that retention keeps however slow the question is. */
  async #recent() {
    for (;;) {
      for (let number = this.#started - 1; number >= 0; number -= 1) {
        const call = isKept(number) ? this.#acknowledged.get(number) : undefined;
        if (call !== undefined) return [number, call];
      }
      if (this.#lanes.isStopping) return undefined;
      await this.#lanes.pause(1);
    }
  }

  #sizeOfWal() {
    return statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  }

  #lane(name, body) {
    this.#lanes.add(name, async () => {
      await this.#tried(name, body);
      await this.#lanes.pause(1);
    });
  }

  async #tried(what, body) {
    try {
      await body();
    } catch (error) {
      this.#problem(`${what}: ${error.message}`);
      await this.#lanes.pause(100);
    }
  }

  #problem(problem) {
    this.#problems.set(problem, (this.#problems.get(problem) ?? 0) + 1);
  }
}
