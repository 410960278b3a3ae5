// The JavaScript floor: generator, policy generator, a JSON line for each event. The least that plain JavaScript can do
// and still let every event pass a policy and a log; it checks no order, has no limits, timeouts or cancellation.
import { writeLine } from '../work/line-buffer.mjs';

const done = { type: 'done', text: '', toolCalls: [] };

function isAllowed(event) {
  return event.type !== 'forbidden';
}

async function* gate(events) {
  for await (const event of events) {
    if (!isAllowed(event)) throw new Error('denied');
    writeLine(event);
    yield event;
  }
}

export function create(works) {
  return { open: (work) => gate(works[work].pull(done)) };
}
