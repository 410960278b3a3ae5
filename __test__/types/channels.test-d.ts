import { channel, subscribe } from 'node:diagnostics_channel';
import type {
  CallAttributes,
  CallChannels,
  CallEndMessage,
  CallFirstEventMessage,
  CallStartMessage,
  CallStatus,
  StreamEvent,
  TokenUsage,
} from '../../index';
import { type Equal, expectType } from './equal';

expectType<Equal<CallChannels['car-inference:call:start'], CallStartMessage>>();
expectType<Equal<CallChannels['car-inference:call:first-event'], CallFirstEventMessage>>();
expectType<Equal<CallChannels['car-inference:call:end'], CallEndMessage>>();
// Every channel is known here: a new one must be added knowingly.
expectType<Equal<keyof CallChannels, `car-inference:call:${'start' | 'first-event' | 'end'}`>>();

export function listen(): void {
  const name = 'car-inference:call:end' satisfies keyof CallChannels;
  channel(name);
  subscribe(name, (message) => {
    const end = message as CallChannels[typeof name];
    expectType<Equal<typeof end.status, Exclude<CallStatus, 'open'>>>();
    expectType<Equal<typeof end.durationMs, number>>();
    expectType<Equal<typeof end.usage, TokenUsage | undefined>>();
    expectType<Equal<typeof end.firstEventType, StreamEvent['type'] | undefined>>();
    expectType<Equal<typeof end.attributes, CallAttributes>>();
    expectType<Equal<(typeof end.attributes)['gen_ai.usage.input_tokens'], number | undefined>>();
    // @ts-expect-error a message is not changed by those who get it
    end.status = 'done';
    // @ts-expect-error no such attribute
    end.attributes['gen_ai.prompt'];
  });
}
