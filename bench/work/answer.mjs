// What the runners play. One work is one answer, in both ways a runner can give it: `pull` yields the events, `push` emits
// them. Every contender plays the same work. Those whose library makes no `done` hand theirs to `pull`, which yields it last.
const textsMax = 256;
const texts = Array.from({ length: textsMax }, (_, index) => `w${String(index).padStart(3, '0')}`);

/** So many text deltas of four characters, and a usage event where `usage` is true. */
export function answer({ deltas, usage }) {
  return {
    async *pull(done) {
      for (let index = 0; index < deltas; index += 1) yield { type: 'text-delta', text: texts[index % textsMax] };
      if (usage) yield { type: 'usage', inputTokens: 12, outputTokens: deltas };
      if (done) yield done;
    },
    async push(emit) {
      for (let index = 0; index < deltas; index += 1) {
        await emit({ type: 'text-delta', text: texts[index % textsMax] });
      }
      if (usage) await emit({ type: 'usage', inputTokens: 12, outputTokens: deltas });
    },
  };
}

/** One delta, then silence for ever. `held` keeps what a socket would keep: else the whole stream would be garbage. */
export function silence(held) {
  const never = () =>
    new Promise((resolve) => {
      held.push(resolve);
    });
  return {
    async *pull() {
      yield { type: 'text-delta', text: texts[0] };
      await never();
    },
    async push(emit) {
      await emit({ type: 'text-delta', text: texts[0] });
      await never();
    },
  };
}

/** Deltas that each come only after `wake()` resolved, as they would from a socket. */
export function paced(deltas, wake) {
  return {
    async *pull(done) {
      for (let index = 0; index < deltas; index += 1) {
        await wake();
        yield { type: 'text-delta', text: texts[index % textsMax] };
      }
      if (done) yield done;
    },
    async push(emit) {
      for (let index = 0; index < deltas; index += 1) {
        await wake();
        await emit({ type: 'text-delta', text: texts[index % textsMax] });
      }
    },
  };
}
