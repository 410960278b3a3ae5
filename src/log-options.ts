/** How a log is opened, as a host says it: read once, whatever it is. Judges what stays on this side; the rest is Rust's. */

import type { Checkpoint, Problem, SqliteLogOptions } from '../native/types';
import { invalid } from './call-input';
import { InvalidRequestError } from './errors';
import { describe, encodeJson, messageOf } from './json';
import { type EncryptionKey, encryptionKey, type SigningKey, signingKey } from './keys';
import type { CheckpointSettings } from './log-checkpoints';
import type { ObserveCallback } from './log-observer';
import type { FileAccess } from './log-permission';

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

/** @throws InvalidRequestError listing every problem. */
export function readLogOptions(options: unknown): LogSettings {
  if (typeof options !== 'object' || options === null) {
    throw invalid([{ path: 'options', message: `must be an object, got ${describe(options)}` }]);
  }
  const { key, checkpoint, observe, ...rest } = taken('options', () => fieldsOf(options as EventLogOptions));
  const problems: Problem[] = [];
  const settings: LogSettings = {
    json: jsonOf(rest, problems),
    access: rest.access === 'read' ? 'read' : 'write',
    key: key === undefined ? undefined : read(problems, () => encryptionKey(key, 'key')),
    checkpoint: checkpoint === undefined ? undefined : readCheckpoint(checkpoint, problems),
    observe,
  };
  if (observe !== undefined && typeof observe !== 'function') {
    problems.push({ path: 'observe', message: `expected a function, got ${describe(observe)}` });
  }
  if (problems.length > 0) throw invalid(problems);
  return settings;
}

function readCheckpoint(options: unknown, problems: Problem[]): CheckpointSettings | undefined {
  if (typeof options !== 'object' || options === null) {
    problems.push({ path: 'checkpoint', message: `must be an object, got ${describe(options)}` });
    return undefined;
  }
  const given = read(problems, () => taken('checkpoint', () => fieldsOf(options as CheckpointOptions)));
  if (given === undefined) return undefined;
  const { everyMs = CHECKPOINT_EVERY_MS, onCheckpoint } = given;
  const key = read(problems, () => signingKey(given.key, 'checkpoint.key'));
  if (!(Number.isInteger(everyMs) && everyMs >= 1 && everyMs <= EVERY_MS_MAX)) {
    problems.push({ path: 'checkpoint.everyMs', message: 'expected milliseconds from 1 to 2,147,483,647' });
  }
  if (typeof onCheckpoint !== 'function') {
    const message = 'required: a function that keeps the checkpoint elsewhere';
    problems.push({ path: 'checkpoint.onCheckpoint', message });
  }
  return key === undefined ? undefined : { key, everyMs, onCheckpoint };
}

function jsonOf(rest: object, problems: Problem[]): string {
  const json = encodeJson(rest);
  if (typeof json === 'string') return json;
  problems.push({ path: json.path, message: json.message });
  return '{}';
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

function fieldsOf<T extends object>(options: T): T {
  if (Array.isArray(options)) throw new TypeError('it is an array');
  return { ...options };
}

/** What is taken from an object, whose getters and traps are anybody's. */
function taken<T>(path: string, take: () => T): T {
  try {
    return take();
  } catch (error) {
    throw invalid([{ path, message: `cannot be read: ${messageOf(error)}` }]);
  }
}
