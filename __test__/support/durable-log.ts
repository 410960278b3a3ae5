/** Durable logs of tests: folders that are gone afterwards, calls of known answers, errors that say nothing of what was said. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type EventLog,
  InferenceEngine,
  type InferenceEngineOptions,
  LogError,
  setInferenceRunner,
} from 'car-inference';
import { expect, onTestFinished } from 'vitest';
import { rejection } from './collect';
import { echo } from './log-commands.mjs';

/** Is in every prompt and every answer, and so must be in no error. */
export const PAYLOAD = 'what-nobody-may-read-ä😀';

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'car-inference-log-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function newPath(): string {
  return join(newFolder(), 'calls.db');
}

/** Calls over a log, and what their consumers were told. */
export class Recording {
  readonly engine: InferenceEngine;
  /** The answers that were delivered, by trace id. */
  readonly acknowledged = new Map<string, string>();
  #count = 0;

  constructor(log: EventLog, options: InferenceEngineOptions = {}) {
    this.engine = new InferenceEngine({
      models: [{ id: 'm', source: { type: 'delegated' } }],
      ...options,
      eventLog: log,
    });
    setInferenceRunner(echo);
    onTestFinished(() => setInferenceRunner(null));
  }

  /** A call whose answer is about so many characters. */
  async call(characters = 100) {
    this.#count += 1;
    const prompt = `${PAYLOAD} ${this.#count} `.padEnd(characters, 'lorem ipsum ');
    const completion = await this.engine.generate({ model: 'm', prompt });
    expect(completion.text).toBe(prompt);
    this.acknowledged.set(completion.traceId, prompt);
    return completion;
  }

  /** Calls until one fails, or `enough` says so. */
  async callUntil(enough: (completion: Awaited<ReturnType<Recording['call']>>) => boolean, characters: number) {
    const CALLS_MAX = 2_000;
    for (let calls = 0; calls < CALLS_MAX; calls += 1) {
      if (enough(await this.call(characters))) return;
    }
    throw new Error(`${CALLS_MAX} calls went well`);
  }

  /** A log that holds all that was acknowledged, whole. */
  async mustBeIn(log: EventLog): Promise<void> {
    for (const [traceId, text] of this.acknowledged) {
      const record = await log.call(traceId);
      expect(record, `a call of ${this.acknowledged.size}`).toMatchObject({ status: 'done', text });
    }
    expect(await log.verify()).toMatchObject({ ok: true });
  }
}

/** The log error that a promise is rejected with, for this reason; it must not tell what calls said. */
export async function logError(promise: Promise<unknown>, reason: LogError['reason']): Promise<LogError> {
  const error = await rejection(promise);
  expect(error).toBeInstanceOf(LogError);
  const { message, stack, cause } = error as LogError;
  expect({ reason: (error as LogError).reason, message }).toEqual({ reason, message });
  expect(`${message} ${stack} ${cause}`).not.toContain(PAYLOAD);
  return error as LogError;
}
