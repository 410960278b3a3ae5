// What became of the calls: begun, ended as their script says, and every one that was not.

const mismatches_kept = 20;

export class Tally {
  /** By kind: { status, begun, ended }. */
  kinds = new Map();
  events = 0;
  mismatches = [];
  mismatchCount = 0;

  #of({ name, status }) {
    let kind = this.kinds.get(name);
    if (kind === undefined) {
      kind = { status, begun: 0, ended: 0 };
      this.kinds.set(name, kind);
    }
    return kind;
  }

  begin(kind) {
    this.#of(kind).begun += 1;
  }

  end(kind, events) {
    this.#of(kind).ended += 1;
    this.events += events;
  }

  mismatch(kind, error, where) {
    this.#of(kind).ended += 1;
    this.mismatchCount += 1;
    if (this.mismatches.length >= mismatches_kept) return;
    this.mismatches.push(`${kind.name} (${where}): ${error.stack ?? error.message ?? error}`);
  }

  /** Takes over what another thread has counted; what it had begun and not ended ended with it. */
  add({ kinds, events, mismatches, mismatchCount }) {
    for (const [name, { status, ended }] of kinds) {
      const own = this.#of({ name, status });
      own.begun += ended;
      own.ended += ended;
    }
    this.events += events;
    this.mismatchCount += mismatchCount;
    this.mismatches.push(...mismatches.slice(0, mismatches_kept - this.mismatches.length));
  }

  /** Calls that have ended. */
  get ended() {
    let ended = 0;
    for (const kind of this.kinds.values()) ended += kind.ended;
    return ended;
  }

  /** Calls that have begun and not ended yet. */
  get open() {
    let open = 0;
    for (const { begun, ended } of this.kinds.values()) open += begun - ended;
    return open;
  }

  /** How many ended with each status. */
  byStatus() {
    const statuses = {};
    for (const { status, ended } of this.kinds.values()) statuses[status] = (statuses[status] ?? 0) + ended;
    return statuses;
  }
}
