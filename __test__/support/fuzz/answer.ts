/** One attempt's answer in simple words: the order of events, the halves of surrogate pairs, what it all folds to. */
import type { StreamEvent, TokenUsage } from 'car-inference';
import { EVENT_BYTES_MAX } from './offers';

/** What becomes of an event: the events that arrive for it, or why none does. */
export type Ruling =
  | { readonly arrive: readonly StreamEvent[]; readonly isDone?: true }
  | { readonly arrive: readonly StreamEvent[]; readonly ends: 'protocol' | 'limit-exceeded' }
  | 'refused';

interface Tool {
  readonly name: string;
  text: string;
  ended: boolean;
}

export interface ToolCall {
  readonly name: string;
  readonly arguments?: unknown;
  readonly rawArguments?: string;
}

export class Answer {
  text = '';
  usage: TokenUsage | undefined;
  /** Part of an answer has arrived: no other attempt may start. */
  hasContent = false;
  /** How many events have arrived. */
  count = 0;
  #streamedText = false;
  #returned: readonly ToolCall[] = [];
  readonly #tools = new Map<number, Tool>();
  readonly #halves = new Map<string, string>();

  /** Judges an event and folds what arrives of it. */
  take(offered: StreamEvent): Ruling {
    const flushed = this.#flushBefore(offered);
    const event = this.#joined(offered);
    const tool = 'index' in event && event.type !== 'reasoning-delta' ? this.#tools.get(event.index) : undefined;
    switch (event.type) {
      case 'tool-call-start':
        if (tool !== undefined) return tool.name === event.name ? 'refused' : { arrive: flushed, ends: 'protocol' };
        break;
      case 'tool-call-delta':
        if (tool === undefined || tool.ended) return { arrive: flushed, ends: 'protocol' };
        break;
      case 'tool-call-end':
        if (tool === undefined) return { arrive: flushed, ends: 'protocol' };
        if (tool.ended) return 'refused';
        break;
    }
    if ('text' in event && event.text.length >= EVENT_BYTES_MAX) return { arrive: flushed, ends: 'limit-exceeded' };
    if (event.type === 'done') {
      this.fill(event.text, event.toolCalls as readonly ToolCall[]);
      return { arrive: flushed, isDone: true };
    }
    this.fold(event);
    return { arrive: [...flushed, event] };
  }

  /** What only the end brought: the stream wins, and what came first. */
  fill(text: string, toolCalls: readonly ToolCall[]): void {
    if (!this.#streamedText && text !== '') {
      this.#streamedText = true;
      this.text = text;
    }
    if (this.#tools.size === 0 && this.#returned.length === 0) this.#returned = toolCalls;
  }

  fold(event: StreamEvent): void {
    this.count += 1;
    this.hasContent ||= isContent(event);
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

  /** The halves whose others can no longer come. */
  flushAll(): StreamEvent[] {
    return [...this.#halves.keys()].map((strand) => this.#flush(strand));
  }

  get toolCalls(): readonly ToolCall[] {
    if (this.#tools.size === 0) return this.#returned;
    const inOrder = [...this.#tools].sort(([a], [b]) => a - b);
    return inOrder.map(([, { name, text }]) => {
      if (text.trim() === '') return { name, arguments: {} };
      try {
        const parsed = JSON.parse(text) as unknown;
        // Text alone would be parsed when it is sent back.
        return { name, arguments: parsed, ...(typeof parsed === 'string' && { rawArguments: JSON.stringify(parsed) }) };
      } catch {
        return { name, rawArguments: text };
      }
    });
  }

  #count({ type: _type, ...usage }: Extract<StreamEvent, { type: 'usage' }>): void {
    const before = this.usage ?? {};
    this.usage = { ...before };
    for (const [field, tokens] of Object.entries(usage) as Array<[keyof TokenUsage, number]>) {
      this.usage[field] = Math.max(before[field] ?? 0, tokens);
    }
  }

  #flushBefore(event: StreamEvent): StreamEvent[] {
    if (event.type === 'done') return this.flushAll();
    const strand =
      event.type === 'tool-call-end'
        ? `arguments ${event.index}`
        : event.type === 'reasoning-delta' && event.signature !== undefined
          ? `reasoning ${event.index}`
          : '';
    return this.#halves.has(strand) ? [this.#flush(strand)] : [];
  }

  #flush(strand: string): StreamEvent {
    this.#halves.delete(strand);
    const [kind, index] = strand.split(' ');
    const at = { index: Number(index) };
    const event: StreamEvent =
      kind === 'text'
        ? { type: 'text-delta', text: '\ufffd' }
        : kind === 'reasoning'
          ? { type: 'reasoning-delta', ...at, text: '\ufffd' }
          : { type: 'tool-call-delta', ...at, argumentsDelta: '\ufffd' };
    this.fold(event);
    return event;
  }

  /** A delta with the half that came before it, without the one that it ends in. */
  #joined(event: StreamEvent): StreamEvent {
    const [strand, part] = hotText(event);
    if (strand === undefined || part === undefined) return event;
    let whole = (this.#halves.get(strand) ?? '') + part;
    this.#halves.delete(strand);
    const last = whole.charCodeAt(whole.length - 1);
    if (last >= 0xd800 && last < 0xdc00) {
      this.#halves.set(strand, whole.slice(-1));
      whole = whole.slice(0, -1);
    }
    return withText(event, whole.toWellFormed());
  }
}

function isContent(event: StreamEvent): boolean {
  if (['usage', 'provider-event', 'warning', 'error'].includes(event.type)) return false;
  if (event.type === 'text-delta') return event.text !== '';
  return event.type !== 'reasoning-delta' || event.text !== '' || event.signature !== undefined;
}

function hotText(event: StreamEvent): [strand?: string, text?: string] {
  if (event.type === 'text-delta') return ['text', event.text];
  if (event.type === 'reasoning-delta' && event.signature === undefined) {
    return [`reasoning ${event.index}`, event.text];
  }
  if (event.type === 'tool-call-delta') return [`arguments ${event.index}`, event.argumentsDelta];
  return [];
}

function withText(event: StreamEvent, text: string): StreamEvent {
  return event.type === 'tool-call-delta' ? { ...event, argumentsDelta: text } : ({ ...event, text } as StreamEvent);
}
