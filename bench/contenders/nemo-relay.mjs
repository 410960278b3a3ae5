// NeMo Relay's Node binding: a managed streaming call, with its collector for the log. It adds scopes and lifecycle events
// for each call; it has no policy for each chunk unless an interceptor wraps the stream, and its producer is not slowed by
// its consumer.
import { typedLlmStreamExecute } from 'nemo-relay-node/typed';
import { writeLine } from '../work/line-buffer.mjs';
import { PromisedStream } from './promised-stream.mjs';

const asItIs = { toJson: (value) => value, fromJson: (value) => value };
const done = { type: 'done', text: '', toolCalls: [] };

async function start(work, name) {
  const request = { headers: {}, content: { model: 'bench', prompt: name } };
  const produce = () => work.pull();
  const stream = await typedLlmStreamExecute('bench', request, produce, writeLine, () => done, asItIs, asItIs);
  return {
    // Theirs ends with `null`.
    async next() {
      const value = await stream.next();
      return { done: value === null, value };
    },
  };
}

export function create(works) {
  return { open: (name) => new PromisedStream(start(works[name], name)) };
}
