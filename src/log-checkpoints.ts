/** Checkpoints that a log makes by itself. They keep neither the process nor a log that is forgotten. */

import type { Checkpoint } from '../native/types';
import { clearInterval, setInterval, type Timer } from './clock';
import type { LogHandle } from './log-handle';
import { warn } from './warning';

/** What checkpoints are made of and for. */
export interface CheckpointSettings {
  /** The seed of the Ed25519 key that signs. */
  readonly key: Uint8Array;
  readonly everyMs: number;
  readonly onCheckpoint: (checkpoint: Checkpoint) => unknown;
}

export class LogCheckpoints {
  readonly #log: WeakRef<LogHandle>;
  readonly #settings: CheckpointSettings;
  readonly #timer: Timer;
  /** Where the log ended when it was last looked at. */
  #seen: number;
  #isLooking = false;

  constructor(log: LogHandle, settings: CheckpointSettings) {
    this.#log = new WeakRef(log);
    this.#settings = settings;
    this.#seen = log.durableSeq;
    this.#timer = setInterval(() => this.#look(), settings.everyMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const log = this.#log.deref();
    if (log === undefined) this.stop();
    if (log === undefined || this.#isLooking || log.durableSeq === this.#seen) return;
    this.#isLooking = true;
    try {
      const { key, onCheckpoint } = this.#settings;
      const checkpoint = await log.ask<Checkpoint>({ type: 'checkpoint' }, 'lets-process-leave', key);
      // The checkpoint is a record itself.
      this.#seen = checkpoint.count;
      await onCheckpoint(checkpoint);
    } catch (error) {
      // Closed between two looks it has nothing more to state.
      if (!log.isClosing) warn(error);
    } finally {
      this.#isLooking = false;
    }
  }
}
