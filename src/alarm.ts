/**
 * One timer for all that waits equally long: ten thousand calls wait for their time-out in one list, in the order in which
 * they came, and the event loop knows one timer. Setting and clearing an alarm touches two neighbours and no timer.
 * Alarms never keep the process alive unless they are held.
 */

import { outsideCalls } from './async-scope';
import { clearTimeout, monotonicMs, setTimeout, type Timer } from './clock';

/** The longest delay that a Node timer can hold. */
const DELAY_MAX_MS = 2 ** 31 - 1;
/** How many lines in which nobody waits are kept, for delays that are used again and again. */
const EMPTY_LINES_MAX = 8;

interface Link {
  previous: Link;
  next: Link;
}

/** Those who wait equally long, first come first. A ring, closed by the line itself. */
class Line implements Link {
  previous: Link = this;
  next: Link = this;
  held = false;
  readonly #delayMs: number;
  #timer: Timer;

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
    this.#timer = this.#start(delayMs);
  }

  static of(delayMs: number): Line {
    let line = lines.get(delayMs);
    if (line === undefined) {
      line = new Line(delayMs);
      lines.set(delayMs, line);
    } else {
      empty.delete(line);
    }
    return line;
  }

  hold(): void {
    this.held = true;
    this.#timer.ref();
  }

  /** An alarm has left. */
  left(): void {
    // Whoever still has to hold the process says so again when it is about to leave.
    if (this.held) this.#timer.unref();
    this.held = false;
    if (this.next !== this) return;
    empty.add(this);
    if (empty.size > EMPTY_LINES_MAX) this.#close();
  }

  #start(delayMs: number): Timer {
    return outsideCalls(() => setTimeout(() => this.#ring(), Math.min(delayMs, DELAY_MAX_MS)).unref());
  }

  #ring(): void {
    this.held = false;
    const now = monotonicMs();
    for (let first = this.next; first !== this; first = this.next) {
      const alarm = first as Alarm;
      const waits = Math.ceil(alarm.dueAt - now);
      if (waits > 0) {
        this.#timer = this.#start(waits);
        return;
      }
      alarm.stop();
      // One that throws must not keep the others from ringing.
      try {
        alarm.ring();
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error));
      }
    }
    this.#close();
  }

  #close(): void {
    clearTimeout(this.#timer);
    empty.delete(this);
    if (lines.get(this.#delayMs) === this) lines.delete(this.#delayMs);
  }
}

const lines = new Map<number, Line>();
const empty = new Set<Line>();

export abstract class Alarm implements Link {
  previous: Link = this;
  next: Link = this;
  dueAt = 0;
  #line: Line | undefined;

  /** The time has come. */
  abstract ring(): void;

  get isRunning(): boolean {
    return this.#line !== undefined;
  }

  /** Rings once, after at least `delayMs` milliseconds. */
  start(delayMs: number): void {
    this.stop();
    const delay = Math.max(1, Math.ceil(delayMs));
    const line = Line.of(delay);
    this.#line = line;
    this.dueAt = monotonicMs() + delay;
    this.previous = line.previous;
    this.next = line;
    line.previous.next = this;
    line.previous = this;
  }

  stop(): void {
    const line = this.#line;
    if (line === undefined) return;
    this.#line = undefined;
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.previous = this;
    this.next = this;
    line.left();
  }

  /** Keeps the process alive until it rings or stops. */
  hold(): void {
    this.#line?.hold();
  }
}
