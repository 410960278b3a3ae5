/** Splits chunks of text or UTF-8 bytes, cut anywhere, into lines. Reports invalid text with its line number. */

import { isUtf8 } from 'node:buffer';
import { types } from 'node:util';
import { describe } from './json';

const LINE_FEED = 0x0a;

/** The byte order marks of UTF-16. */
const UTF_16 = [
  [0xff, 0xfe],
  [0xfe, 0xff],
] as const;

export class LineDecoder {
  #lines: string[] = [];
  /** The beginning of a line whose end has not come yet. */
  #rest = '';
  /** Bytes that cannot be decoded yet: the beginning of a character, or of the whole input. */
  #bytes: Buffer = Buffer.alloc(0);
  #isAtStart = true;
  #lineCount = 0;
  #length = 0;

  /** The total length of the lines that can be taken, in characters. */
  get length(): number {
    return this.#length;
  }

  /** The length of the unfinished line so far, in characters. */
  get restLength(): number {
    return this.#rest.length;
  }

  takeLines(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    this.#length = 0;
    return lines;
  }

  /** @returns the problem, if the chunk is not valid. The lines before it can still be taken; do not write more. */
  write(chunk: unknown): string | undefined {
    if (typeof chunk === 'string') {
      const problem = this.#decode(this.#bytes);
      this.#bytes = Buffer.alloc(0);
      this.#isAtStart = false;
      if (problem === undefined) this.#take(chunk);
      return problem;
    }
    const bytes = bytesOf(chunk);
    if (bytes === undefined) {
      return this.#at(`the stream gave ${describe(chunk)}; expected strings or bytes (a Uint8Array)`);
    }
    const all = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    if (this.#isAtStart && UTF_16.some(([first, second]) => all[0] === first && all[1] === second)) {
      return this.#at('the text is UTF-16; save it as UTF-8');
    }
    // A byte order mark can be recognised from two bytes.
    const whole = this.#isAtStart && all.length < 2 ? 0 : all.length - incompleteLength(all);
    // A copy: the caller may reuse the memory of the bytes.
    this.#bytes = Buffer.from(all.subarray(whole));
    return this.#decode(all.subarray(0, whole));
  }

  /** The input has ended: the rest is the last line. */
  end(): string | undefined {
    const problem = this.#decode(this.#bytes);
    if (problem === undefined && this.#rest !== '') this.#take('\n');
    return problem;
  }

  #decode(bytes: Buffer): string | undefined {
    if (bytes.length === 0) return undefined;
    this.#isAtStart = false;
    if (isUtf8(bytes)) {
      this.#take(bytes.toString('utf8'));
      return undefined;
    }
    let from = 0;
    for (;;) {
      const feed = bytes.indexOf(LINE_FEED, from);
      const line = bytes.subarray(from, feed === -1 ? bytes.length : feed + 1);
      if (feed === -1 || !isUtf8(line)) return this.#at('the text is not UTF-8; save it as UTF-8');
      this.#take(line.toString('utf8'));
      from = feed + 1;
    }
  }

  #take(text: string): void {
    const parts = text.split('\n');
    // Only the new text is scanned, because a line may come in many chunks.
    this.#rest += parts.shift();
    for (const part of parts) {
      this.#lines.push(this.#rest);
      this.#lineCount += 1;
      this.#length += this.#rest.length;
      this.#rest = part;
    }
  }

  #at(message: string): string {
    return `line ${this.#lineCount + 1}: ${message}`;
  }
}

function bytesOf(chunk: unknown): Buffer | undefined {
  if (ArrayBuffer.isView(chunk)) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  return types.isAnyArrayBuffer(chunk) ? Buffer.from(chunk) : undefined;
}

/** The number of bytes at the end that begin an incomplete character. */
function incompleteLength(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) return 0;
    // The first byte of a character gives its length.
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0;
  }
  return 0;
}
