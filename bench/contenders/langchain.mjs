// LangChain: `.stream()` of a chat model, with a callback handler that logs every token. It adds runs, messages that are
// concatenated and tracing hooks; it has no policy for each token.
import { BaseCallbackHandler } from '@langchain/core/callbacks/base';
import { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { AIMessageChunk } from '@langchain/core/messages';
import { ChatGenerationChunk } from '@langchain/core/outputs';
import { writeLine } from '../work/line-buffer.mjs';
import { PromisedStream } from './promised-stream.mjs';

/** Our vocabulary in theirs. */
function chunkOf(event) {
  if (event.type === 'text-delta') {
    return new ChatGenerationChunk({ text: event.text, message: new AIMessageChunk({ content: event.text }) });
  }
  const { inputTokens, outputTokens } = event;
  const usage = { input_tokens: inputTokens, output_tokens: outputTokens, total_tokens: inputTokens + outputTokens };
  return new ChatGenerationChunk({ text: '', message: new AIMessageChunk({ content: '', usage_metadata: usage }) });
}

class WorkingChatModel extends BaseChatModel {
  #work;

  constructor(work) {
    super({});
    this.#work = work;
  }

  _llmType() {
    return 'bench';
  }

  async *_streamResponseChunks(_messages, _options, runManager) {
    for await (const event of this.#work.pull()) {
      const chunk = chunkOf(event);
      yield chunk;
      await runManager?.handleLLMNewToken(chunk.text, undefined, undefined, undefined, undefined, { chunk });
    }
  }
}

class TokenLog extends BaseCallbackHandler {
  name = 'token-log';

  handleLLMNewToken(text) {
    writeLine({ type: 'text-delta', text });
  }
}

export function create(works) {
  const callbacks = [new TokenLog()];
  const models = Object.fromEntries(Object.entries(works).map(([name, work]) => [name, new WorkingChatModel(work)]));
  return { open: (work) => new PromisedStream(models[work].stream(work, { callbacks })) };
}
