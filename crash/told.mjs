// What the killed processes told until then. Only takes down.

export class Told {
  /**
   * By number.
   *
   * @type {Map<number, { traceId: string, events: string[], done: boolean, ended: object | undefined,
   *   erasure: 'none' | 'erasing' | 'erased' }>}
   */
  calls = new Map();
  /** Endings that their consumers got. */
  endings = 0;

  take({ call, traceId, type, event, ended, step }) {
    if (call === undefined) return;
    const known = this.calls.get(call) ?? { traceId, events: [], done: false, ended: undefined, erasure: 'none' };
    this.calls.set(call, known);
    if (event !== undefined) known.events.push(event);
    // The last event of a completed call is its ending.
    if (type === 'done') known.done = true;
    if (ended !== undefined) known.ended = ended;
    if (step !== undefined) known.erasure = step;
    if (type === 'done' || (ended !== undefined && !known.done)) this.endings += 1;
  }
}

/** Lines of a pipe, the last one only when it is whole. */
export class Lines {
  #rest = '';

  /** @returns {string[]} */
  of(text) {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    return lines;
  }
}
