// A bare async generator: no policy, no log. What JavaScript charges for any stream at all.
const done = { type: 'done', text: '', toolCalls: [] };

export function create(works) {
  return { open: (work) => works[work].pull(done) };
}
