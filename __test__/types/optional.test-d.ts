/**
 * Whatever may be left out may also be given as `undefined`: in every option, request, event and result that a host gives.
 * This compiles with `exactOptionalPropertyTypes`, under which the two are different types.
 */
import type { KeyObject } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import * as car from '../../index';
import { type Equal, expectType } from './equal';

/** What is handed over whole: nothing in it is an option of ours. */
type Opaque =
  | AbortSignal
  | Date
  | URL
  | KeyObject
  | Readable
  | Writable
  | ArrayBufferView
  | car.EventLog
  | car.InferenceEngine;

type Optional<T> = { [Key in keyof T]-?: object extends Pick<T, Key> ? Key : never }[keyof T];

/** The paths of optional fields in `T` that refuse `undefined`. */
type Refusing<T, Path extends string, Depth extends unknown[] = []> = unknown extends T
  ? never
  : T extends Opaque
    ? never
    : T extends (...parameters: never[]) => infer Result
      ? Refusing<Result, `${Path}()`, [...Depth, 0]>
      : T extends PromiseLike<infer Value>
        ? Refusing<Value, Path, [...Depth, 0]>
        : T extends AsyncGenerator<infer Item, infer Result>
          ? Refusing<Item | Result, `${Path}()`, [...Depth, 0]>
          : T extends AsyncIterable<infer Item>
            ? Refusing<Item, `${Path}()`, [...Depth, 0]>
            : T extends readonly (infer Item)[]
              ? RefusingItem<Item, Path, Depth>
              : T extends object
                ? RefusingObject<T, Path, Depth>
                : never;

/** Any JSON has no fields of its own, and lists that hold lists would have no end. */
type RefusingItem<T, Path extends string, Depth extends unknown[]> = Depth['length'] extends 10
  ? never
  : Refusing<T, `${Path}[]`, [...Depth, 0]>;

type RefusingObject<T, Path extends string, Depth extends unknown[]> = string extends keyof T
  ? never
  : RefusingField<T, Path> | RefusingWithin<T, Path, Depth>;

type RefusingField<T, Path extends string> = {
  [Key in Optional<T>]: { [Given in Key]: undefined } extends Pick<T, Key> ? never : `${Path}.${Key & string}`;
}[Optional<T>];

type RefusingWithin<T, Path extends string, Depth extends unknown[]> = {
  [Key in keyof T & string]-?: Refusing<T[Key], `${Path}.${Key}`, [...Depth, 0]>;
}[keyof T & string];

/** The same of all parameters of a function, and of a class and its methods, in whatever the package exports. */
type RefusingParameters<F, Path extends string> = F extends (...parameters: infer Parameters) => unknown
  ? Refusing<Parameters[number], Path>
  : never;

type RefusingMethods<T, Path extends string> = {
  [Key in keyof T & string]: RefusingParameters<T[Key], `${Path}.${Key}`>;
}[keyof T & string];

type RefusingExport<T, Name extends string> =
  | RefusingParameters<T, Name>
  | (T extends abstract new (
      ...parameters: infer Parameters
    ) => infer Instance
      ? Refusing<Parameters[number], `new ${Name}`> | RefusingMethods<Instance, Name>
      : never)
  | RefusingMethods<Omit<T, 'prototype' | 'captureStackTrace' | 'prepareStackTrace' | 'isInstance'>, Name>;

type Exports = typeof car;
type RefusingExports = { [Name in keyof Exports & string]: RefusingExport<Exports[Name], Name> }[keyof Exports &
  string];

/** Does not compile when there are any; the compiler then names the first. */
declare function expectNone<_Refusing extends never>(): void;

expectNone<RefusingExports>();
// What runners are handed takes events.
expectNone<RefusingMethods<car.EventEmitter, 'EventEmitter'>>();
expectNone<RefusingMethods<car.RunnerRegistration, 'RunnerRegistration'>>();
// What hosts store and give back later.
expectNone<Refusing<car.StreamEvent | car.RunnerEvent, 'event'>>();
expectNone<Refusing<car.Completion, 'completion'>>();

// The check finds what it looks for, wherever it is.
interface Strict {
  list?: Array<{ deep: { wrong?: string } }> | undefined;
  right?: string | undefined;
  top?: number;
}
type AnyRunner = () => AsyncGenerator<Strict, Promise<{ result?: string }>>;
expectType<Equal<Refusing<Strict, 'of'>, 'of.top' | 'of.list[].deep.wrong'>>();
expectType<Equal<Refusing<AnyRunner, 'run'>, 'run()().top' | 'run()().list[].deep.wrong' | 'run()().result'>>();
declare class WithStrict {
  constructor(options?: Strict);
  method(a: string, options?: { field?: string }): void;
  static make(options: { other?: string }): WithStrict;
}
expectType<
  Equal<
    RefusingExport<typeof WithStrict, 'C'>,
    'new C.top' | 'new C.list[].deep.wrong' | 'C.method.field' | 'C.make.other'
  >
>();

// And what hosts write, with values that may be absent.
declare const maybe: <T>() => T | undefined;
declare const engine: car.InferenceEngine;
declare const log: car.EventLog;

engine.generate(
  {
    prompt: maybe<string>(),
    messages: maybe<car.Message[]>(),
    params: { temperature: maybe<number>(), stop: maybe<string[]>(), toolChoice: maybe<car.ToolChoice>() },
    responseFormat: { type: 'json-schema', schema: {}, strict: maybe<boolean>(), name: maybe<string>() },
    providerOptions: maybe<car.JsonObject>(),
  },
  { signal: maybe<AbortSignal>(), timeouts: { graceMs: maybe<number>(), idleMs: maybe<number>() } },
);
engine.generate({
  messages: [
    {
      role: 'assistant',
      content: maybe<string>(),
      toolCalls: [{ id: maybe<string>(), name: 'f', arguments: maybe<car.JsonValue>(), rawArguments: maybe<string>() }],
      reasoning: [{ index: 0, text: '', signature: maybe<string>() }],
    },
  ],
});
new car.InferenceEngine({
  models: [{ id: 'm', source: { type: 'delegated', hint: maybe<string>() }, pricing: maybe<car.ModelPricing>() }],
  eventLog: maybe<string>(),
});
car.EventLog.open('calls.db', { key: maybe<Uint8Array>(), retention: { maxAge: maybe<number>() } });
log.calls({ since: maybe<Date>(), text: maybe<string>(), cursor: maybe<string>() });
log.tail({ after: maybe<string>(), from: maybe<'start'>() });
car.setInferenceRunner(async () => ({ text: maybe<string>(), toolCalls: maybe<car.ToolCall[]>() }), {
  hint: maybe<string>(),
});
car.setInferenceRunner(async function* (_request, { emit }) {
  yield { type: 'usage', inputTokens: maybe<number>() };
  yield { type: 'reasoning-delta', index: maybe<number>(), text: '', signature: maybe<string>() };
  await emit({ type: 'file', mediaType: 'image/png', data: maybe<string>(), url: maybe<string>() });
  throw new car.RunnerFailedError('m', {
    status: maybe<number>(),
    cause: maybe<Error>(),
    body: maybe<car.JsonValue>(),
  });
});

// Wrong types and unknown fields are refused as before, and what is required is.
// @ts-expect-error a wrong type
engine.generate({ prompt: 'hi', model: 5 });
// @ts-expect-error a wrong type that may be absent
engine.generate({ prompt: maybe<number>() });
// @ts-expect-error null is no text
engine.generate({ prompt: 'hi', model: null });
// @ts-expect-error no such field
engine.generate({ prompt: 'hi', modell: 'm' });
// @ts-expect-error no such field
engine.generate({ prompt: 'hi', params: { max_tokens: 5 } });
// @ts-expect-error a wrong type
engine.generate({ prompt: 'hi' }, { timeouts: { graceMs: '5' } });
// @ts-expect-error no such option
engine.generate({ prompt: 'hi' }, { timeout: 5 });
// @ts-expect-error no such field
log.calls({ modell: 'm' });
// @ts-expect-error a model has an id
new car.InferenceEngine({ models: [{ id: undefined, source: { type: 'delegated' } }] });
// @ts-expect-error a wrong type
car.EventLog.open('calls.db', { fullTextSearch: 'yes' });
// @ts-expect-error a tool call has a name
engine.generate({ messages: [{ role: 'assistant', toolCalls: [{ name: undefined }] }] });
// @ts-expect-error a delta has text
car.setInferenceRunner(async function* () {
  yield { type: 'text-delta', text: undefined };
});
