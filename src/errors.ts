/**
 * Every error a consumer can catch, one class a cause. A class check (`instanceof`, `X.isInstance(e)`) also holds for
 * errors of another copy of this package: it looks at a mark on the prototype, not at the identity of the class.
 */

import type { ErrorCode, LogErrorKind, Problem, TokenUsage } from '../native/types';

export type { ErrorCode, Problem } from '../native/types';

/** What every error of this package may carry beside its message. */
export interface InferenceErrorOptions {
  /** What led to it: for a runner's error the very value that the runner threw. */
  cause?: unknown;
  /** The call it ended. */
  traceId?: string | undefined;
  /** Whether the same call may succeed when tried again. */
  retryable?: boolean | undefined;
  /** The text streamed until then. */
  text?: string | undefined;
  /** The usage reported until then. */
  usage?: TokenUsage | undefined;
}

const MARK = Symbol.for('car-inference.error-mark');

/** Base of all errors of this package. `code` tells them apart; messages are for people. */
export class InferenceError extends Error {
  /** A stable word for the cause. */
  readonly code: ErrorCode;
  /** Whether the same call may succeed when tried again. */
  readonly retryable: boolean;
  /** The call that this error ended; absent when it never began. */
  declare readonly traceId?: string;
  /** The text streamed before the error; absent when there was none. */
  declare readonly text?: string;
  /** The usage reported before the error; absent when none was. */
  declare readonly usage?: TokenUsage;

  constructor(code: ErrorCode, message: string, options: InferenceErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retryable = options.retryable ?? false;
    if (options.traceId !== undefined) this.traceId = options.traceId;
    if (options.text !== undefined) this.text = options.text;
    if (options.usage !== undefined) this.usage = options.usage;
  }

  /**
   * Whether `value` is an error of this class, whichever copy of the package made it.
   *
   * @example
   * if (TimeoutError.isInstance(error)) retryLater(error.kind);
   */
  static isInstance<T extends InferenceError>(this: abstract new (...args: never[]) => T, value: unknown): value is T {
    return value instanceof this;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // A host's own subclass has no mark of its own and keeps the ordinary meaning.
    if (!Object.hasOwn(this, MARK)) return Function.prototype[Symbol.hasInstance].call(this, value);
    if (typeof value !== 'object' || value === null) return false;
    try {
      return (value as Record<symbol, unknown>)[markOf(this)] === true;
    } catch {
      return false;
    }
  }

  static {
    mark(this, 'InferenceError');
  }
}

/** The request, an option or a model is not valid. `problems` lists all of them. Not retryable. */
export class InvalidRequestError extends InferenceError {
  /** Every problem found, each with the path of the field. */
  readonly problems: readonly Problem[];

  constructor(message: string, options: InferenceErrorOptions & { problems?: readonly Problem[] | undefined } = {}) {
    super('invalid-request', message, options);
    this.problems = options.problems ?? [];
  }

  static {
    mark(this, 'InvalidRequestError');
  }
}

/** No runner is registered for the model's hint nor in the process-wide slot. */
export class NoRunnerError extends InferenceError {
  constructor(message: string, options: InferenceErrorOptions = {}) {
    super('no-runner', message, options);
  }

  static {
    mark(this, 'NoRunnerError');
  }
}

/** The request names a model that the engine does not know. */
export class ModelNotFoundError extends InferenceError {
  constructor(message: string, options: InferenceErrorOptions = {}) {
    super('model-not-found', message, options);
  }

  static {
    mark(this, 'ModelNotFoundError');
  }
}

/** A policy denied the request, an event or the ending. */
export class PolicyDeniedError extends InferenceError {
  /** Where it was denied. */
  declare readonly point?: string;
  /** The policy that decided, when it has a name. */
  declare readonly policyId?: string;

  constructor(
    message: string,
    options: InferenceErrorOptions & { point?: string | undefined; policyId?: string | undefined } = {},
  ) {
    super('policy-denied', message, options);
    if (options.point !== undefined) this.point = options.point;
    if (options.policyId !== undefined) this.policyId = options.policyId;
  }

  static {
    mark(this, 'PolicyDeniedError');
  }
}

/** The consumer or the engine cancelled the call. `cause` is the reason given. An aborted signal throws its own reason instead. */
export class CancelledError extends InferenceError {
  constructor(message: string, options: InferenceErrorOptions = {}) {
    super('cancelled', message, options);
  }

  static {
    mark(this, 'CancelledError');
  }
}

/** Which of a call's clocks ran out. */
export type TimeoutKind = 'first-event' | 'idle' | 'total';

/** The runner took too long. Retryable. */
export class TimeoutError extends InferenceError {
  readonly kind: TimeoutKind;
  /** The limit that was reached, in milliseconds. */
  readonly timeoutMs: number;

  constructor(message: string, options: InferenceErrorOptions & { kind: TimeoutKind; timeoutMs: number }) {
    super('timeout', message, options);
    this.kind = options.kind;
    this.timeoutMs = options.timeoutMs;
  }

  static {
    mark(this, 'TimeoutError');
  }
}

/** The runner emitted something that is not an event, or events in an order that loses meaning. A bug of the runner. */
export class ProtocolError extends InferenceError {
  /** What was wrong, each with the path of the field, when a field is to blame. */
  readonly problems: readonly Problem[];

  constructor(message: string, options: InferenceErrorOptions & { problems?: readonly Problem[] | undefined } = {}) {
    super('protocol', message, options);
    this.problems = options.problems ?? [];
  }

  static {
    mark(this, 'ProtocolError');
  }
}

/** A bound of the configuration was reached. */
export class LimitExceededError extends InferenceError {
  /** The name of the limit, as in `limits`. */
  declare readonly limit?: string;
  /** Its value. */
  declare readonly max?: number;

  constructor(
    message: string,
    options: InferenceErrorOptions & { limit?: string | undefined; max?: number | undefined } = {},
  ) {
    super('limit-exceeded', message, options);
    if (options.limit !== undefined) this.limit = options.limit;
    if (options.max !== undefined) this.max = options.max;
  }

  static {
    mark(this, 'LimitExceededError');
  }
}

/** The event log could not be written or read. */
export class LogError extends InferenceError {
  /**
   * The kind of failure: `'disk-full'`, `'locked'`, `'corrupt'`, … While the log is open, `'moved'` means that one of its
   * files was deleted, moved or replaced, and `'corrupt'` that another program changed the content of a file.
   */
  declare readonly reason?: LogErrorKind;

  constructor(message: string, options: InferenceErrorOptions & { reason?: LogErrorKind | undefined } = {}) {
    super('log-failed', message, options);
    if (options.reason !== undefined) this.reason = options.reason;
  }

  static {
    mark(this, 'LogError');
  }
}

/** The engine was closed before the call began. */
export class EngineClosedError extends InferenceError {
  constructor(message: string, options: InferenceErrorOptions = {}) {
    super('engine-closed', message, options);
  }

  static {
    mark(this, 'EngineClosedError');
  }
}

/**
 * A stream delivers its events once, to one reader. A second loop or readable throws this error, also after the first has
 * read the stream to its end. The first reader is not affected. Make a call for each reader, or share the events of one loop.
 */
export class StreamLockedError extends InferenceError {
  constructor(message: string, options: InferenceErrorOptions = {}) {
    super('stream-locked', message, options);
  }

  static {
    mark(this, 'StreamLockedError');
  }
}

/** A bug of this package, a panic in Rust included. Please report it. */
export class InternalError extends InferenceError {
  constructor(message: string, options: InferenceErrorOptions = {}) {
    super('internal', message, options);
  }

  static {
    mark(this, 'InternalError');
  }
}

/** Gives a class its name and the mark by which all copies of the package know it. @internal */
export function mark(errorClass: { prototype: object }, name: string): void {
  const own = Symbol.for(`car-inference.${name}`);
  Object.defineProperty(errorClass, MARK, { value: own });
  Object.defineProperty(errorClass.prototype, own, { value: true });
  Object.defineProperty(errorClass.prototype, 'name', { value: name, configurable: true, writable: true });
}

function markOf(errorClass: object): symbol {
  return (errorClass as Record<symbol, symbol>)[MARK] as symbol;
}
