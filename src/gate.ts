/**
 * The TypeScript side of the gate: one event goes to Rust by the cheapest entry point for its kind, and comes back as a
 * fresh object or as a verdict. Owns the choice of entry point. Judges nothing: whatever is not plainly a hot event goes
 * as JSON, and Rust says what is wrong with it.
 */

import type { StreamEvent } from '../native/types';
import { describe, encodeJson, JsonProblem, messageOf } from './json';
import { isPanic, native, Verdict } from './native';

// Looked up once: these are called for every token.
const { done, reasoningDelta, textDelta, toolCallDelta, usage: passUsageCounts } = native;

/** Rough memory of an event's object beside its text, in bytes. */
const EVENT_BYTES = 64;

// About how long the last event was that passed and is no delta. JavaScript runs one event at a time, so one place does.
let lastJsonLength = 0;

/**
 * Submits one event to a call or hosted run. Never throws. Reads each property of a hot event once.
 *
 * @returns when the event passed and nothing else is to be said: a fresh object equal to it, so that what the consumer
 *   gets is never the runner's own, and neither can change the other's. Otherwise the verdict.
 */
export function passGate(port: number, event: unknown): StreamEvent | number {
  try {
    if (typeof event !== 'object' || event === null || Array.isArray(event)) {
      return native.rejectEvent(port, '', `an event must be an object, got ${describe(event)}`);
    }
    const type = (event as { type?: unknown }).type;
    if (type === 'text-delta') {
      const text = (event as { text?: unknown }).text;
      if (typeof text === 'string') {
        const verdict = textDelta(port, text);
        return verdict ?? { type: 'text-delta', text };
      }
    } else if (type === 'tool-call-delta') {
      const { index, argumentsDelta } = event as { index?: unknown; argumentsDelta?: unknown };
      if (typeof argumentsDelta === 'string' && isIndex(index)) {
        const verdict = toolCallDelta(port, index, argumentsDelta);
        return verdict ?? { type: 'tool-call-delta', index: index + 0, argumentsDelta };
      }
    } else if (type === 'reasoning-delta') {
      const { index = 0, text, signature } = event as { index?: unknown; text?: unknown; signature?: unknown };
      if (typeof text === 'string' && signature === undefined && isIndex(index)) {
        const verdict = reasoningDelta(port, index, text);
        return verdict ?? { type: 'reasoning-delta', index: index + 0, text };
      }
    } else if (type === 'usage') {
      const usage = plainUsage(event);
      if (usage !== undefined) return passUsage(port, usage);
    } else if (type === 'done' && isPlainDone(event)) {
      return done(port);
    }
    return passJson(port, event);
  } catch (error) {
    if (isPanic(error)) return native.failInternal(port, messageOf(error));
    // A getter or a proxy that throws.
    return native.rejectEvent(port, '', `cannot be read: ${messageOf(error)}`);
  }
}

/** About how many bytes an event takes that has just come from the gate. */
export function eventBytes(event: StreamEvent): number {
  if (event.type === 'text-delta' || event.type === 'reasoning-delta') return EVENT_BYTES + event.text.length * 2;
  if (event.type === 'tool-call-delta') return EVENT_BYTES + event.argumentsDelta.length * 2;
  return EVENT_BYTES + lastJsonLength * 2;
}

function passJson(port: number, event: object): StreamEvent | number {
  const json = encodeJson(event);
  if (json instanceof JsonProblem) return native.rejectEvent(port, json.path, json.message);
  lastJsonLength = json.length;
  const verdict = native.emitEvent(port, json);
  return verdict === Verdict.PASS ? (JSON.parse(json) as StreamEvent) : verdict;
}

type Usage = Extract<StreamEvent, { type: 'usage' }>;

function passUsage(port: number, usage: Usage): StreamEvent | number {
  const verdict = passUsageCounts(
    port,
    usage.inputTokens ?? ABSENT,
    usage.outputTokens ?? ABSENT,
    usage.totalTokens ?? ABSENT,
    usage.cacheReadInputTokens ?? ABSENT,
    usage.cacheCreationInputTokens ?? ABSENT,
    usage.reasoningTokens ?? ABSENT,
  );
  lastJsonLength = 0;
  return verdict ?? usage;
}

const ABSENT = -1;

/** A copy of a usage event that holds nothing but whole numbers; undefined for any other, which Rust is to look at. */
function plainUsage(event: object): Usage | undefined {
  const usage: Usage = { type: 'usage' };
  for (const key in event) {
    if (key === 'type') continue;
    // JSON does not know what is inherited.
    if (!Object.hasOwn(event, key)) return undefined;
    const count = (event as Record<string, unknown>)[key];
    if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0) return undefined;
    switch (key) {
      case 'inputTokens':
      case 'outputTokens':
      case 'totalTokens':
      case 'cacheReadInputTokens':
      case 'cacheCreationInputTokens':
      case 'reasoningTokens':
        usage[key] = count + 0; // JSON knows no negative zero.
        break;
      default:
        return undefined;
    }
  }
  return isOwnJson(event) ? usage : undefined;
}

/** Whether a `done` says nothing beyond that it is the end. */
function isPlainDone(event: object): boolean {
  const { text, toolCalls } = event as { text?: unknown; toolCalls?: unknown };
  if (text !== '' || !Array.isArray(toolCalls) || toolCalls.length !== 0 || !isOwnJson(toolCalls)) return false;
  for (const key in event) {
    if (key !== 'type' && key !== 'text' && key !== 'toolCalls') return false;
  }
  return isOwnJson(event);
}

/** Whether a value's properties are what its JSON says. */
function isOwnJson(value: object): boolean {
  return (value as { toJSON?: unknown }).toJSON === undefined;
}

/** Negative zero is one too; adding zero makes it the zero that Rust reads. */
function isIndex(value: unknown): value is number {
  return typeof value === 'number' && value >>> 0 === value;
}
