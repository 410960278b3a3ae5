import {
  CancelledError,
  type ErrorCode,
  InferenceError,
  InvalidRequestError,
  type Problem,
  RunnerDeclinedError,
  RunnerError,
  RunnerFailedError,
  StreamLockedError,
  TimeoutError,
} from '../../index';
import { type Equal, expectType } from './equal';

export function handle(error: unknown): void {
  if (error instanceof TimeoutError) {
    expectType<Equal<typeof error.kind, 'first-event' | 'idle' | 'total'>>();
    expectType<Equal<typeof error.timeoutMs, number>>();
  } else if (InvalidRequestError.isInstance(error)) {
    expectType<Equal<typeof error.problems, readonly Problem[]>>();
  } else if (RunnerError.isInstance(error)) {
    expectType<Equal<typeof error.status, number | undefined>>();
    expectType<Equal<typeof error.retryAfterMs, number | undefined>>();
  } else if (error instanceof InferenceError) {
    expectType<Equal<typeof error.code, ErrorCode>>();
    expectType<Equal<typeof error.retryable, boolean>>();
    expectType<Equal<typeof error.text, string | undefined>>();
  }
}

const locked: InferenceError = new StreamLockedError('no');
handle(locked);
const declined: RunnerError = new RunnerDeclinedError('no');
const failed: RunnerError = new RunnerFailedError('no');
const cancelled: InferenceError = new CancelledError('no');
handle([declined, failed, cancelled]);

// @ts-expect-error the base of both is abstract
new RunnerError('runner-failed', 'no');
// @ts-expect-error an error is not changed afterwards
declined.code = 'internal';
