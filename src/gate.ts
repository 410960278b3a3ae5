/**
 * The TypeScript side of the gate: one event goes to Rust by the cheapest entry point for its kind, and a verdict comes
 * back. Owns the choice of entry point. Judges nothing: whatever is not plainly a hot event goes as JSON, and Rust says
 * what is wrong with it.
 */

import type { StreamEvent } from '../native/types';
import { describe, encodeJson, JsonProblem, messageOf } from './json';
import { isPanic, native, Verdict } from './native';

// The last accepted event. JavaScript runs one event at a time, so one place is enough and nothing is allocated for it.
let fresh: StreamEvent | undefined;
let freshJson = '';
let freshBytes = 0;

/** Rough memory of an event's object beside its text, in bytes. */
const EVENT_BYTES = 64;

/** Submits one event to a call or hosted run. Never throws. Reads each property of a hot event once. */
export function passGate(port: number, event: unknown): number {
  try {
    if (typeof event !== 'object' || event === null || Array.isArray(event)) {
      return native.rejectEvent(port, 'event', `an event must be an object, got ${describe(event)}`);
    }
    const type = (event as { type?: unknown }).type;
    if (type === 'text-delta') {
      const text = (event as { text?: unknown }).text;
      if (typeof text === 'string') {
        const verdict = native.textDelta(port, text);
        if (verdict === Verdict.PASS) remember({ type, text }, text);
        return verdict;
      }
    } else if (type === 'tool-call-delta') {
      const { index, argumentsDelta } = event as { index?: unknown; argumentsDelta?: unknown };
      if (typeof argumentsDelta === 'string' && isIndex(index)) {
        const verdict = native.toolCallDelta(port, index, argumentsDelta);
        if (verdict === Verdict.PASS) remember({ type, index, argumentsDelta }, argumentsDelta);
        return verdict;
      }
    } else if (type === 'reasoning-delta') {
      const { index = 0, text, signature } = event as { index?: unknown; text?: unknown; signature?: unknown };
      if (typeof text === 'string' && signature === undefined && isIndex(index)) {
        const verdict = native.reasoningDelta(port, index, text);
        if (verdict === Verdict.PASS) remember({ type, index, text }, text);
        return verdict;
      }
    }
    return passJson(port, event);
  } catch (error) {
    if (isPanic(error)) return native.failInternal(port, messageOf(error));
    // A getter or a proxy that throws.
    return native.rejectEvent(port, 'event', `cannot be read: ${messageOf(error)}`);
  }
}

/**
 * A fresh object equal to the event that the last verdict let pass: what the consumer gets is never the runner's own
 * object, so neither can change the other's.
 */
export function freshEvent(): StreamEvent {
  return fresh ?? (JSON.parse(freshJson) as StreamEvent);
}

/** About how many bytes the last accepted event keeps in memory. */
export function freshEventBytes(): number {
  return freshBytes;
}

function remember(event: StreamEvent, text: string): void {
  fresh = event;
  freshBytes = EVENT_BYTES + text.length * 2;
}

function passJson(port: number, event: object): number {
  const json = encodeJson(event, 'event');
  if (json instanceof JsonProblem) return native.rejectEvent(port, json.path, json.message);
  fresh = undefined;
  freshJson = json;
  freshBytes = EVENT_BYTES + json.length * 2;
  return native.emitEvent(port, json);
}

function isIndex(value: unknown): value is number {
  return typeof value === 'number' && value >>> 0 === value;
}
