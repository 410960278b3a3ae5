/** The package's public face. */

import { openMailbox } from './mailbox';

export type * from '../native/types';
export type {
  CallAttributes,
  CallChannels,
  CallEndMessage,
  CallFirstEventMessage,
  CallStartMessage,
} from './call-channels';
export type { GenerateOptions } from './call-input';
export type { EmitOutcome, EventEmitter, RunnerEvent } from './emitter';
export { type CloseMode, InferenceEngine, type InferenceEngineOptions } from './engine';
export {
  CancelledError,
  EngineClosedError,
  InferenceError,
  type InferenceErrorOptions,
  InternalError,
  InvalidRequestError,
  LimitExceededError,
  LogError,
  ModelNotFoundError,
  NoRunnerError,
  PolicyDeniedError,
  ProtocolError,
  StreamLockedError,
  TimeoutError,
  type TimeoutKind,
} from './errors';
export { type CallQuery, EventLog, type TailOptions } from './event-log';
export type { EncryptionKey, SigningKey } from './keys';
export type { ObserveCallback } from './log-observer';
export type { CheckpointOptions, EventLogOptions } from './log-options';
export type { ModelInput, ModelInputSource } from './model-input';
export type { ReadableChunks, ReadableOptions } from './readable';
export {
  currentInferenceRunner,
  type EmittingRun,
  type GeneratingRun,
  type InferenceRunner,
  type RunnerLike,
  type RunnerRegistration,
  type RunnerResult,
  type RunnerSlotOptions,
  setInferenceRunner,
} from './runner';
export { RunnerDeclinedError, RunnerError, type RunnerErrorOptions, RunnerFailedError } from './runner-errors';
export { TrackedStream } from './tracked-stream';

// Once for each thread that loads the package: a thread may host runners without having an engine.
openMailbox();
