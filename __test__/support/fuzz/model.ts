/**
 * What must be seen of a program, in simple words: the order rules, the halves of surrogate pairs, the ending. Written
 * from the documentation, not from the code; it reads what was offered, in order, and says what must have become of it.
 */
import { isDeepStrictEqual } from 'node:util';
import type { StreamEvent, TokenUsage } from 'car-inference';
import { EVENT_BYTES_MAX } from './program';
import type { Entry, Finish, Offered } from './trace';

export type Code =
  | 'done'
  | 'cancelled'
  | 'engine-closed'
  | 'no-runner'
  | 'protocol'
  | 'limit-exceeded'
  | 'runner-failed'
  | 'runner-declined';

/** An event that the log must hold; `perhaps` when it may have come too late. */
export interface Expected {
  readonly event: StreamEvent;
  readonly perhaps: boolean;
  /** In the log alone: what a call cost that is being stopped. */
  readonly recordedOnly: boolean;
}

interface Tool {
  readonly name: string;
  text: string;
  ended: boolean;
}

export interface ModelOptions {
  readonly attemptsMax: number;
  /** From so many accepted events on, the consumer's buffer may be over its bound. */
  readonly overrunFrom: number;
  /** Nobody knows what was first: a stop, or an event of another thread. */
  readonly racing: boolean;
  /** What the log says of the ending: decides between endings that are both right. */
  readonly status: string | undefined;
  readonly failureCode: string | undefined;
}

export class Model {
  phase: 'fresh' | 'running' | 'done has passed' | 'stopping' | 'between attempts' | 'over' = 'fresh';
  /** How it must end; undefined while it has not. */
  ending: Code | undefined;
  /** Endings that are right as well, because two things happened at once. */
  readonly rivals = new Set<Code>();
  readonly log: Expected[] = [];
  readonly flaws: string[] = [];
  /** How many of the logged events were for the consumer; the rest only says what a stopped call has cost. */
  delivered = 0;
  recorded = false;
  text = '';
  usage: TokenUsage | undefined;
  readonly #options: ModelOptions;
  #tools = new Map<number, Tool>();
  #halves = new Map<string, string>();
  #pending: { attempt: number; how: Finish } | undefined;
  #attempt = 0;
  #lastAttempt = 0;
  #attemptFrom = 0;
  #content = false;
  #streamedText = false;
  #accepted = 0;
  /** A stop that may have come at any time from here on. */
  #unsure = false;

  constructor(options: ModelOptions) {
    this.#options = options;
  }

  replay(trace: readonly Entry[]): this {
    if (this.#options.racing) {
      this.#unsure = trace.some((entry) => entry.do === 'stop');
      if (this.#unsure) this.rivals.add('cancelled');
    }
    for (const entry of trace) if (entry.do === 'begin') this.#lastAttempt = entry.attempt;
    for (const entry of trace) {
      switch (entry.do) {
        case 'flaw':
          this.flaws.push(entry.says);
          break;
        case 'start':
          this.#start(entry.refused);
          break;
        case 'begin':
          this.#settle();
          this.#begin(entry.attempt);
          break;
        case 'offer':
          this.#offered(entry);
          break;
        case 'finish':
          if (entry.attempt === this.#attempt) this.#pending = entry;
          break;
        default:
          this.#stop(entry.by);
      }
    }
    this.#settle();
    if (this.#mayOverrun()) this.rivals.add('limit-exceeded');
    return this;
  }

  /** The tool calls of a completed answer. */
  get toolCalls(): Array<{ name: string; arguments?: unknown; rawArguments?: string }> {
    const inOrder = [...this.#tools].sort(([a], [b]) => a - b);
    return inOrder.map(([, { name, text }]) => {
      if (text.trim() === '') return { name, arguments: {} };
      try {
        return { name, arguments: JSON.parse(text) as unknown };
      } catch {
        return { name, rawArguments: text };
      }
    });
  }

  /** Another attempt follows this one, so that it certainly came to its own end. */
  get #goesOn(): boolean {
    return this.#attempt < this.#lastAttempt;
  }

  #flaw(says: string): void {
    this.flaws.push(says);
  }

  #start(refused: 'no-runner' | 'engine-closed' | 'aborted' | undefined): void {
    if (this.phase !== 'fresh') return;
    if (refused === undefined) {
      this.phase = 'running';
      this.recorded = true;
    } else {
      this.#end(refused === 'aborted' ? 'cancelled' : refused);
      this.recorded = refused === 'no-runner';
    }
  }

  #begin(attempt: number): void {
    if (attempt !== this.#attempt + 1) this.#flaw(`attempt ${attempt} began after attempt ${this.#attempt}`);
    if (this.phase === 'between attempts') this.phase = 'running';
    if (this.phase !== 'running') this.#flaw(`attempt ${attempt} began while the call was ${this.phase}`);
    this.#attempt = attempt;
    this.#attemptFrom = this.log.length;
    this.#tools = new Map();
    this.#halves = new Map();
    this.text = '';
    this.usage = undefined;
    this.#streamedText = false;
  }

  #offered(entry: Offered): void {
    if (entry.answer === 'neither') this.#flaw('emit answered neither a word nor a promise');
    if (entry.answer === 'later' && entry.later !== 'delivered') {
      this.#flaw(`a promised answer came to ${entry.later ?? 'nothing'}`);
    }
    const given = entry.answer === 'later' ? 'delivered' : entry.answer;
    if (entry.attempt !== this.#attempt || entry.late === 'settled') {
      if (given !== undefined && given !== 'closed') this.#flaw(`emit answered ${given} after the run had settled`);
      return;
    }
    if (entry.way === 'yield') {
      // A generator that was not asked to go on may have been stopped before the event was taken.
      this.#take(entry, entry.wentOn === true ? undefined : 'perhaps');
      return;
    }
    // Where a stop may have come already, the answer itself tells whether it had.
    const mayBeOver = this.#unsure || entry.late === 'perhaps settled' || this.phase === 'done has passed';
    if (given === 'closed' && mayBeOver) {
      if (this.phase !== 'done has passed') this.#record(entry.offer.arrives);
      return;
    }
    if (given === 'closed' && this.phase === 'running' && this.#mayOverrun()) this.#end('limit-exceeded');
    const due = this.#take(entry, undefined);
    if (given !== due) {
      this.#flaw(`emit answered ${given} and not ${due} to ${shown(entry.offer.event)} while ${this.phase}`);
    }
  }

  #mayOverrun(): boolean {
    return this.#options.failureCode === 'limit-exceeded' && this.#accepted >= this.#options.overrunFrom;
  }

  /** Judges one event that was not stopped on its way. */
  #take({ offer: { arrives } }: Offered, perhaps: 'perhaps' | undefined): 'delivered' | 'refused' | 'closed' {
    if (this.phase === 'done has passed') return arrives === null ? 'closed' : 'refused';
    if (this.phase !== 'running') {
      if (this.phase === 'stopping' || this.phase === 'over') this.#record(arrives);
      return 'closed';
    }
    const stop = (code: Code): 'refused' => {
      if (perhaps) this.rivals.add(code);
      else this.#end(code);
      return 'refused';
    };
    if (arrives === null) return stop('protocol');
    const [strand, part] = hotText(arrives);
    let event = arrives;
    if (strand !== undefined && part !== undefined) {
      let whole = (this.#halves.get(strand) ?? '') + part;
      this.#halves.delete(strand);
      const last = whole.charCodeAt(whole.length - 1);
      if (last >= 0xd800 && last < 0xdc00) {
        this.#halves.set(strand, whole.slice(-1));
        whole = whole.slice(0, -1);
      }
      event = withText(arrives, whole.toWellFormed());
    } else if (arrives.type === 'done') {
      for (const strand of [...this.#halves.keys()]) this.#flush(strand);
    } else if (arrives.type === 'tool-call-end') {
      this.#flush(`arguments ${arrives.index}`);
    } else if (arrives.type === 'reasoning-delta') {
      this.#flush(`reasoning ${arrives.index}`);
    }
    const tool = 'index' in event && event.type !== 'reasoning-delta' ? this.#tools.get(event.index) : undefined;
    switch (event.type) {
      case 'tool-call-start':
        if (tool !== undefined) return tool.name === event.name ? 'refused' : stop('protocol');
        break;
      case 'tool-call-delta':
        if (tool === undefined || tool.ended) return stop('protocol');
        break;
      case 'tool-call-end':
        if (tool === undefined) return stop('protocol');
        if (tool.ended) return 'refused';
        break;
    }
    if ('text' in event && event.text.length >= EVENT_BYTES_MAX) return stop('limit-exceeded');
    if (event.type === 'done') {
      if (perhaps) {
        this.rivals.add('done');
        return 'delivered';
      }
      this.phase = 'done has passed';
      this.ending = 'done';
      this.#fill(event.text);
      return 'delivered';
    }
    this.#accept(event, perhaps !== undefined);
    return 'delivered';
  }

  #accept(event: StreamEvent, perhaps: boolean): void {
    this.log.push({ event, perhaps, recordedOnly: false });
    this.#accepted += 1;
    const empty = (event.type === 'text-delta' || event.type === 'reasoning-delta') && event.text === '';
    const hasSignature = event.type === 'reasoning-delta' && event.signature !== undefined;
    if (!['usage', 'provider-event', 'warning', 'error'].includes(event.type) && (!empty || hasSignature)) {
      this.#content = true;
    }
    if (perhaps) return;
    switch (event.type) {
      case 'text-delta':
        this.text += event.text;
        this.#streamedText ||= event.text !== '';
        break;
      case 'tool-call-start':
        this.#tools.set(event.index, { name: event.name, text: '', ended: false });
        break;
      case 'tool-call-delta':
        (this.#tools.get(event.index) as Tool).text += event.argumentsDelta;
        break;
      case 'tool-call-end': {
        const tool = this.#tools.get(event.index) as Tool;
        tool.ended = true;
        tool.text = event.arguments ?? tool.text;
        break;
      }
      case 'usage':
        this.#count(event);
        break;
    }
  }

  #count({ type: _type, ...usage }: Extract<StreamEvent, { type: 'usage' }>): void {
    const before = this.usage ?? {};
    this.usage = { ...before };
    for (const [field, tokens] of Object.entries(usage) as Array<[keyof TokenUsage, number]>) {
      this.usage[field] = Math.max(before[field] ?? 0, tokens);
    }
  }

  /** Half a pair whose other half can no longer come. */
  #flush(strand: string): void {
    if (!this.#halves.delete(strand)) return;
    const [kind, index] = strand.split(' ');
    const at = { index: Number(index) };
    if (kind === 'text') this.#accept({ type: 'text-delta', text: '\ufffd' }, false);
    else if (kind === 'reasoning') this.#accept({ type: 'reasoning-delta', ...at, text: '\ufffd' }, false);
    else this.#accept({ type: 'tool-call-delta', ...at, argumentsDelta: '\ufffd' }, false);
  }

  /** What a call that is being stopped has cost is still recorded, as long as its runner has not settled. */
  #record(event: StreamEvent | null): void {
    if (event?.type !== 'usage' && event?.type !== 'stop-reason') return;
    this.log.push({ event, perhaps: true, recordedOnly: true });
  }

  #fill(text: string): void {
    if (this.#streamedText || text === '') return;
    this.#streamedText = true;
    this.text = text;
  }

  #end(code: Code): void {
    if (this.phase === 'over' || this.phase === 'stopping') return;
    this.ending = code;
    this.phase = this.phase === 'running' ? 'stopping' : 'over';
  }

  #stop(by: 'cancel' | 'leave' | 'abort' | 'engine' | 'drop'): void {
    if (by === 'abort' && this.phase === 'fresh') return; // Looked at when it starts.
    if (this.#options.racing) {
      if (this.phase === 'fresh') this.#end('cancelled');
      return;
    }
    if (by === 'drop') {
      if (this.phase !== 'over' && this.phase !== 'fresh') {
        this.#unsure = true;
        this.rivals.add('cancelled');
      }
      return;
    }
    if (this.#pending !== undefined && this.phase === 'running') {
      // It has said its last word; whether that had been heard, the log tells.
      if (this.#options.failureCode !== 'cancelled' || this.#goesOn) {
        this.#settle();
        if (this.phase === 'between attempts') this.#end('cancelled');
        return;
      }
      this.#pending = undefined;
    }
    if (this.phase === 'done has passed') return; // Too late: the answer is complete.
    this.#end('cancelled');
  }

  /** The run is through. */
  #settle(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined || pending.attempt !== this.#attempt) return;
    const { how } = pending;
    if (this.phase === 'done has passed') {
      if (how.do === 'return' && how.isResult) this.#fill(textOf(how.result));
      return;
    }
    if (this.phase !== 'running') return;
    if (this.#unsure && this.#options.failureCode === 'cancelled' && !this.#goesOn) {
      for (const strand of [...this.#halves.keys()]) this.#flushPerhaps(strand);
      this.#end('cancelled');
      return;
    }
    for (const strand of [...this.#halves.keys()]) this.#flush(strand);
    if (how.do === 'return') {
      if (how.isResult) {
        this.#fill(textOf(how.result));
        this.ending = 'done';
        this.phase = 'over';
      } else {
        this.ending = 'protocol';
        this.phase = 'over';
      }
      return;
    }
    const declined = how.what === 'a refusal';
    const mayRetry = !declined && how.what !== 'a bad request' && this.#attempt < this.#options.attemptsMax;
    if (mayRetry && !this.#content) {
      if (this.log.length > this.#attemptFrom) {
        this.log.push({ event: RETRIED, perhaps: false, recordedOnly: false });
      }
      this.phase = 'between attempts';
      return;
    }
    this.ending = declined ? 'runner-declined' : 'runner-failed';
    this.phase = 'over';
  }

  #flushPerhaps(strand: string): void {
    const from = this.log.length;
    this.#flush(strand);
    this.log.splice(from, 1, ...this.log.slice(from).map((expected) => ({ ...expected, perhaps: true })));
  }

  /** Whether the log holds what it must hold; undefined when it does, else what is wrong. */
  compareLog(logged: readonly StreamEvent[]): string | undefined {
    let at = 0;
    for (const { event, perhaps, recordedOnly } of this.log) {
      if (at < logged.length && same(event, logged[at])) {
        at += 1;
        if (!recordedOnly) this.delivered = at;
      } else if (!perhaps && !(this.#unsure && at === logged.length)) {
        return `the log has ${shown(logged[at])} at ${at} and not ${shown(event)}`;
      }
    }
    return at === logged.length ? undefined : `the log has ${shown(logged[at])} at ${at}, which nobody sent`;
  }
}

/** Its words are not the model's business. */
const RETRIED: StreamEvent = { type: 'warning', message: '', code: 'retried' };

export function same(expected: StreamEvent, actual: unknown): boolean {
  if (expected === RETRIED) {
    const { type, code } = actual as { type: string; code?: string };
    return type === 'warning' && code === 'retried';
  }
  return isDeepStrictEqual(expected, actual);
}

export function shown(value: unknown): string {
  const json = JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner));
  return json === undefined ? 'nothing' : json.slice(0, 120);
}

function hotText(event: StreamEvent): [strand?: string, text?: string] {
  if (event.type === 'text-delta') return ['text', event.text];
  if (event.type === 'reasoning-delta' && event.signature === undefined)
    return [`reasoning ${event.index}`, event.text];
  if (event.type === 'tool-call-delta') return [`arguments ${event.index}`, event.argumentsDelta];
  return [];
}

function withText(event: StreamEvent, text: string): StreamEvent {
  return event.type === 'tool-call-delta' ? { ...event, argumentsDelta: text } : ({ ...event, text } as StreamEvent);
}

function textOf(result: unknown): string {
  return (result as { text?: string } | undefined)?.text ?? '';
}
