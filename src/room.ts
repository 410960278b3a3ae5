/** Backpressure towards emitter runners of the same realm: when the consumer is behind, and who waits until it is not. */

import type { CallSettings } from './call-settings';
import type { EmitOutcome } from './emitter';
import type { Outlet } from './outlet';

type BufferLimits = CallSettings['limits'];

/** How full the buffer is: room, full (wait), or over (the runner does not wait when told to). */
export type Fill = 'room' | 'full' | 'over';

export class Room {
  readonly #outlet: Outlet;
  #promise: Promise<EmitOutcome> | undefined;
  #resolve: ((outcome: EmitOutcome) => void) | undefined;

  constructor(outlet: Outlet) {
    this.#outlet = outlet;
  }

  /** @param demanded whoever asks for the result asks for all of it, however slow its loop: only the hard bound holds. */
  fill(limits: BufferLimits, demanded: boolean): Fill {
    const { bytes, length } = this.#outlet;
    if (length >= limits.bufferedEventsMax + limits.unawaitedEventsMax) return 'over';
    const full = demanded
      ? length >= limits.unawaitedEventsMax
      : length >= limits.bufferedEventsMax || bytes >= limits.bufferedBytesMax;
    return full ? 'full' : 'room';
  }

  get isAwaited(): boolean {
    return this.#resolve !== undefined;
  }

  /** A promise that there is room again. */
  wait(): Promise<EmitOutcome> {
    this.#promise ??= new Promise((resolve) => {
      this.#resolve = resolve;
    });
    return this.#promise;
  }

  /** The consumer took an event. */
  taken(limits: BufferLimits): void {
    const { bytes, length } = this.#outlet;
    // At half the bound, so that a runner waits once for many events rather than once for each.
    if (length <= limits.bufferedEventsMax / 2 && bytes <= limits.bufferedBytesMax / 2) this.open();
  }

  /** Nobody has to wait any longer. The event that waited was accepted when it came. */
  open(): void {
    const resolve = this.#resolve;
    this.#promise = undefined;
    this.#resolve = undefined;
    resolve?.('delivered');
  }
}
