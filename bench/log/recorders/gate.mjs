// What stands between runner and consumer of those who have no engine: every event is recorded before it goes on.
const done = { type: 'done', text: '', toolCalls: [] };

/** @param record takes a call's number, an event's number and the event. */
export function createGate(works, record) {
  let calls = 0;
  async function* gate(events) {
    calls += 1;
    const call = calls;
    let seq = 0;
    for await (const event of events) {
      seq += 1;
      record(call, seq, event);
      yield event;
    }
  }
  return (work) => gate(works[work].pull(done));
}
