// A file of JSON Lines, synced after so many events.
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { createGate } from './gate.mjs';

/** @param settings `eventsOfSync`. */
export function create({ eventsOfSync }, file, works) {
  const descriptor = openSync(file, 'a');
  let lines = [];
  const settle = () => {
    if (lines.length === 0) return;
    writeSync(descriptor, lines.join(''));
    fdatasyncSync(descriptor);
    lines = [];
  };
  const record = (call, seq, event) => {
    lines.push(`${JSON.stringify({ call, seq, at: Date.now(), event })}\n`);
    if (lines.length === eventsOfSync) settle();
  };
  return { open: createGate(works, record), settle, close: () => closeSync(descriptor) };
}
