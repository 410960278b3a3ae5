import {
  type CallRecord,
  type Completion,
  InferenceEngine,
  type LoggedEvent,
  type ModelSchema,
  type StreamEvent,
  type ToolCall,
  type TrackedStream,
} from '../../index';
import { type Equal, expectType } from './equal';

const engine = new InferenceEngine({
  models: [{ id: 'gpt-5', source: { type: 'delegated', hint: 'openai' } }],
  timeouts: { firstEventMs: 1, idleMs: null, totalMs: 3 },
  limits: { nestedCallsMax: 8 },
});
expectType<Equal<typeof engine.models, ModelSchema[]>>();
engine.registerModel({ id: 'other', source: { type: 'delegated' } });
engine.registerModel({ id: 'other', source: {} });
engine.registerModel({ id: 'other', source: { type: undefined, hint: 'openai' } });
// @ts-expect-error there is one type of source
engine.registerModel({ id: 'other', source: { type: 'local' } });
// @ts-expect-error the engine's models cannot be replaced
engine.models = [];

export async function use(signal: AbortSignal, maybe: AbortSignal | undefined): Promise<void> {
  const stream = engine.generateTrackedStream({ model: 'gpt-5', prompt: 'hi' }, { signal });
  engine.generateTrackedStream({ model: 'gpt-5', prompt: 'hi' }, { signal: maybe });
  expectType<Equal<typeof stream, TrackedStream>>();
  for await (const event of stream) expectType<Equal<typeof event, StreamEvent>>();
  for await (const text of stream.textStream) expectType<Equal<typeof text, string>>();
  const generator: AsyncGenerator<StreamEvent, void, undefined> = stream;
  const loop: AsyncGenerator<StreamEvent, void, undefined> = stream[Symbol.asyncIterator]();
  await loop.next();
  await generator.return(undefined);
  const { text, toolCalls, usage, stopReason } = await stream.result();
  expectType<Equal<typeof text, string>>();
  expectType<Equal<typeof toolCalls, ToolCall[]>>();
  usage?.inputTokens?.toFixed();
  stopReason?.toString();
  expectType<Equal<typeof stream.traceId, string>>();
  const [events, bytes] = [stream.toReadableStream(), stream.toReadableStream({ as: 'bytes' })];
  expectType<Equal<typeof events, ReadableStream<StreamEvent>>>();
  expectType<Equal<typeof bytes, ReadableStream<Uint8Array<ArrayBuffer>>>>();
  new Response(bytes);
  // @ts-expect-error neither of the two
  stream.toReadableStream({ as: 'text' });
  // @ts-expect-error the trace id is given
  stream.traceId = 'mine';
  await stream.cancel('enough');
  stream.detach();

  const completion = await engine.generate({ model: 'gpt-5', prompt: 'hi' });
  expectType<Equal<typeof completion, Completion>>();

  expectType<Equal<Awaited<ReturnType<typeof engine.eventLog.call>>, CallRecord | undefined>>();
  for await (const logged of engine.eventLog.events('id')) expectType<Equal<typeof logged, LoggedEvent>>();
  for await (const call of engine.eventLog.calls({ limit: 1 })) expectType<Equal<typeof call, CallRecord>>();

  await engine.close('drain');
  await engine.close('cancel');
  // @ts-expect-error there are two ways to close
  await engine.close(true);
}

export async function leave(): Promise<void> {
  await using closing = new InferenceEngine({ models: [] });
  await using stream = closing.generateTrackedStream({ model: 'gpt-5', prompt: 'hi' });
  await stream.next();
}
