// AI SDK: `streamText` with its own mock model, and `onChunk` for the log. It adds steps, tools, retries and result
// promises; it has no policy for each event, and its log hook has no order to keep.
import { streamText } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { writeLine } from '../work/line-buffer.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false;

const id = 'text';
const finishReason = { unified: 'stop', raw: 'stop' };
const noUsage = { inputTokens: { total: undefined }, outputTokens: { total: undefined } };

/** Our vocabulary in theirs. */
function partOf(event) {
  if (event.type === 'text-delta') return { type: 'text-delta', id, delta: event.text };
  const { inputTokens, outputTokens } = event;
  const usage = { inputTokens: { total: inputTokens }, outputTokens: { total: outputTokens } };
  return { type: 'finish', finishReason, usage };
}

function readableOf(events) {
  let isFinished = false;
  return new ReadableStream({
    start(controller) {
      controller.enqueue({ type: 'stream-start', warnings: [] });
      controller.enqueue({ type: 'text-start', id });
    },
    async pull(controller) {
      const { done, value } = await events.next();
      const part = done ? undefined : partOf(value);
      if (part?.type !== 'text-delta' && !isFinished) {
        isFinished = true;
        controller.enqueue({ type: 'text-end', id });
        controller.enqueue(part ?? { type: 'finish', finishReason, usage: noUsage });
      } else if (part) {
        controller.enqueue(part);
      }
      if (done) controller.close();
    },
  });
}

function modelOf(work) {
  const model = new MockLanguageModelV4({
    async doStream() {
      // The mock keeps every call for its tests.
      model.doStreamCalls.length = 0;
      return { stream: readableOf(work.pull()) };
    },
  });
  return model;
}

function log({ chunk }) {
  writeLine(chunk);
}

export function create(works) {
  const models = Object.fromEntries(Object.entries(works).map(([name, work]) => [name, modelOf(work)]));
  return { open: (work) => streamText({ model: models[work], prompt: work, onChunk: log }).stream };
}
