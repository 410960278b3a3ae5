/** How a log is opened, as a host says it: read once, whatever it is. Judges what stays on this side; the rest is Rust's. */

import type { Checkpoint, Problem, SqliteLogOptions } from '../native/types';
import { InvalidRequestError } from './errors';
import { describe } from './json';
import { type EncryptionKey, encryptionKey, type SigningKey, signingKey } from './keys';
import type { CheckpointSettings } from './log-checkpoints';
import type { ObserveCallback } from './log-observer';
import type { FileAccess } from './log-permission';
import { type Fields, invalid, optionsJson, readOptions, unknownFields } from './options';

/** Signed statements of where the log ends, made by itself. */
export interface CheckpointOptions {
  /** The Ed25519 key that signs. */
  key: SigningKey;
  /** How often, in milliseconds, when something was recorded since. Default: 3,600,000. */
  everyMs?: number | undefined;
  /** Is given each one, to keep it where who can write to the log cannot. What it throws is a process warning. */
  onCheckpoint: (checkpoint: Checkpoint) => unknown;
}

/** How a durable log is opened. */
export interface EventLogOptions extends SqliteLogOptions {
  /** Encrypts what calls say. 32 bytes; without them the log cannot be read. */
  key?: EncryptionKey | undefined;
  /** Makes checkpoints by itself. */
  checkpoint?: CheckpointOptions | undefined;
  /** As `observe` of the log. */
  observe?: ObserveCallback | undefined;
}

/** The same, taken apart. */
export interface LogSettings {
  readonly json: string;
  readonly access: FileAccess;
  readonly key: Uint8Array | undefined;
  readonly checkpoint: CheckpointSettings | undefined;
  readonly observe: ObserveCallback | undefined;
}

const CHECKPOINT_EVERY_MS = 3_600_000;
/** What a timer takes. */
const EVERY_MS_MAX = 2 ** 31 - 1;

const OPTIONS: Fields<EventLogOptions> = {
  durability: 'json',
  access: 'json',
  lockWaitMs: 'json',
  fullTextSearch: 'json',
  queueBytesMax: 'json',
  retention: 'json',
  retentionIntervalMs: 'json',
  redaction: 'json',
  key: 'host',
  checkpoint: 'host',
  observe: 'host',
};
const CHECKPOINT_OPTIONS: Fields<CheckpointOptions> = { key: 'host', everyMs: 'host', onCheckpoint: 'host' };

/** @throws InvalidRequestError listing every problem. */
export function readLogOptions(options: unknown): LogSettings {
  const { host, json, unknown } = readOptions('log options', 'options', options, OPTIONS, 'own');
  const { key, checkpoint, observe } = host;
  const problems: Problem[] = [];
  const settings: LogSettings = {
    json: read(problems, () => optionsJson('log options', json)) ?? '{}',
    access: json.access === 'read' ? 'read' : 'write',
    key: key === undefined ? undefined : read(problems, () => encryptionKey(key, 'key')),
    checkpoint: checkpoint === undefined ? undefined : readCheckpoint(checkpoint, problems),
    observe,
  };
  if (observe !== undefined && typeof observe !== 'function') {
    problems.push({ path: 'observe', message: `expected a function, got ${describe(observe)}` });
  }
  // Rust will not see these options, so its list of unknown fields is added here.
  if (problems.length > 0) throw invalid('log options', [...problems, ...unknownFields(unknown, OPTIONS)]);
  return settings;
}

function readCheckpoint(options: unknown, problems: Problem[]): CheckpointSettings | undefined {
  const given = read(problems, () => readOptions('log options', 'checkpoint', options, CHECKPOINT_OPTIONS, 'own'));
  if (given === undefined) return undefined;
  problems.push(...unknownFields(given.unknown, CHECKPOINT_OPTIONS, 'checkpoint'));
  const { key: givenKey, everyMs = CHECKPOINT_EVERY_MS, onCheckpoint } = given.host;
  const key = read(problems, () => signingKey(givenKey, 'checkpoint.key'));
  if (!(Number.isInteger(everyMs) && everyMs >= 1 && everyMs <= EVERY_MS_MAX)) {
    problems.push({ path: 'checkpoint.everyMs', message: 'expected milliseconds from 1 to 2,147,483,647' });
  }
  if (typeof onCheckpoint !== 'function') {
    const message = 'required: a function that stores the checkpoint elsewhere';
    problems.push({ path: 'checkpoint.onCheckpoint', message });
    return undefined;
  }
  return key === undefined ? undefined : { key, everyMs, onCheckpoint };
}

/** What is given, or undefined and its problems with those of the others. */
function read<T>(problems: Problem[], take: () => T): T | undefined {
  try {
    return take();
  } catch (error) {
    if (!(error instanceof InvalidRequestError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}
