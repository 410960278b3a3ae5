/**
 * The log that a call is recorded in may take its time to commit. The log of JavaScript's engines commits at once, so
 * here the addon is made to say what it would say with a slower one.
 */
import { createRequire } from 'node:module';
import type { EventEmitter, InferenceEngine, TrackedStream } from 'car-inference';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Native } from '../src/native';
import { collect } from './support/collect';
import { turn, until } from './support/gate';
import { done, text } from './support/scripted-runner';

const require = createRequire(import.meta.url);
const addon: Native = require('../native/index.js');
const original = { ...addon };
const [OVER, SEALING] = [1, 3];
const [DEADLINE_OVER, DEADLINE_SEALING] = [-3, -4];
const SEALED = 6;

// The package gives its bell away when it is loaded, so it must not be loaded before.
let ring: () => void = () => {};
addon.setMailbox = (bell) => {
  ring = bell;
  original.setMailbox(bell);
};
const { CancelledError, setInferenceRunner } = await import('car-inference');
const { newEngine, REQUEST } = await import('./support/engine');

let engine: InferenceEngine;
let emitter: EventEmitter | undefined;
/** The calls whose log has not committed yet. */
let committing: Set<number>;

beforeEach(() => {
  engine = newEngine({ timeouts: { graceMs: 5 } });
  emitter = undefined;
  committing = new Set();
  addon.deadline = (call, waitedMs) => {
    const answer = original.deadline(call, waitedMs);
    if (answer !== DEADLINE_OVER) return answer;
    committing.add(call);
    return DEADLINE_SEALING;
  };
  addon.stop = (call, cause) => {
    const found = original.stop(call, cause);
    if (found !== OVER) return found;
    committing.add(call);
    return SEALING;
  };
  addon.ending = (call) => {
    if (committing.has(call)) throw new Error('the ending was asked for too early');
    return original.ending(call);
  };
});

afterEach(() => setInferenceRunner(null).dispose());

function commit(): void {
  const messages = [...committing].flatMap((call) => [SEALED, call, '']);
  committing.clear();
  addon.takeMessages = () => {
    addon.takeMessages = original.takeMessages;
    return [...messages, ...original.takeMessages()];
  };
  ring();
}

/** A call whose runner emits these events and never settles. */
function deafCall(...events: readonly Parameters<EventEmitter['emit']>[0][]): TrackedStream {
  setInferenceRunner(async (_request, given) => {
    emitter = given;
    for (const event of events) await given.emit(event);
    await new Promise(() => {});
  });
  return engine.generateTrackedStream(REQUEST);
}

test('a call whose grace is over ends when its log has committed', async () => {
  const stream = deafCall(text('a'));
  await stream.next();
  let isOver = false;
  const cancelled = stream.cancel('enough').then(() => {
    isOver = true;
  });
  await until(() => committing.size === 1);
  await turn();
  expect(isOver).toBe(false);
  expect(emitter?.isClosed).toBe(true);
  expect(emitter?.emit(text('late'))).toBe('closed');
  commit();
  await cancelled;
  const { events, error } = await collect(stream);
  expect(events).toEqual([]);
  expect(error).toBeInstanceOf(CancelledError);
});

test('an answer that is complete is delivered when its log has committed', async () => {
  const stream = deafCall(text('a'), done('a'));
  const seen = collect(stream);
  await until(() => committing.size === 1);
  expect(emitter?.signal.aborted).toBe(true);
  commit();
  expect(await seen).toEqual({ events: [text('a'), done('a')], failed: false, error: undefined });
});

test('stopping while the log commits changes nothing any more', async () => {
  const stream = deafCall(text('a'), done('a'));
  const seen = collect(stream);
  await until(() => committing.size === 1);
  const cancelled = stream.cancel();
  commit();
  await cancelled;
  expect((await seen).events).toEqual([text('a'), done('a')]);
});

test('a call that is stopped between two attempts ends when its log has committed', async () => {
  setInferenceRunner(() => Promise.reject(new Error('busy')));
  const stream = engine.generateTrackedStream(REQUEST, { retry: { attemptsMax: 2, backoffMs: 60_000 } });
  const pull = stream.next().catch((error) => error);
  await turn();
  const cancelled = stream.cancel('enough');
  expect(committing.size).toBe(1);
  commit();
  await cancelled;
  expect(await pull).toBeInstanceOf(CancelledError);
});

test('an answer that is complete when its consumer stops is still delivered', async () => {
  const stream = deafCall(text('a'), done('a'));
  await stream.next();
  await turn();
  const cancelled = stream.cancel();
  await until(() => committing.size === 1);
  commit();
  await cancelled;
  expect((await collect(stream)).events).toEqual([done('a')]);
});
