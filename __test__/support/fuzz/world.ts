/** What the programs of one batch share: an engine, a runner that plays each program's runner side, the slot. */
import {
  type CallRecord,
  type EventEmitter,
  type GenerateRequest,
  InferenceEngine,
  setInferenceRunner,
} from 'car-inference';
import { turn } from '../gate';
import { differences, type Evidence } from './check';
import { ConsumerPlayer } from './consumer';
import { collectGarbage, watchForgetting } from './garbage';
import { Impatience } from './impatience';
import { EVENT_BYTES_MAX } from './offers';
import { mustListen, type Program } from './program';
import { Disagreement } from './report';
import { playRunner } from './runner';
import type { Entry, Stopping } from './trace';
import { countTurns } from './turns';

const HINT = 'fuzz';
/** When a stream that was dropped is looked for, in turns of the event loop: a program that ends by itself may do so. */
const COLLECT_TURN = 10;
const COLLECT_AGAIN_TURNS = 30;
/** When a program whose stream somebody still wants something of is helped to its end. */
const HELP_TURN = 20;

export class World {
  readonly engine = new InferenceEngine({
    models: [{ id: 'model', source: { type: 'delegated', hint: HINT } }],
    limits: { eventBytesMax: EVENT_BYTES_MAX },
  });
  readonly #programs: readonly Program[];
  readonly #consumers: ConsumerPlayer[];
  #collected: Promise<void> | undefined;
  #isGivenUp = false;

  constructor(programs: readonly Program[]) {
    this.#programs = programs;
    this.#consumers = programs.map((program, at) => new ConsumerPlayer(this, program, String(at)));
    this.register();
  }

  /** Runs all of them at once, and compares what each saw with what it must have seen. */
  async run(patienceMs: number): Promise<void> {
    const stopCounting = countTurns();
    const impatience = new Impatience(patienceMs);
    try {
      await Promise.race([this.#play(), impatience.lost]);
      if (impatience.isLost) throw await this.#giveUp();
      for (const [at, consumer] of this.#consumers.entries()) {
        const evidence = await this.#evidenceOf(at, consumer, await consumer.result);
        const found = differences(evidence);
        if (found.length > 0) throw new Disagreement(evidence, found);
        // Whatever still knows the call still holds its signal.
        watchForgetting(consumer.controller.signal);
      }
    } finally {
      impatience.end();
      stopCounting();
      setInferenceRunner(null, { hint: HINT });
    }
  }

  async #play(): Promise<void> {
    await Promise.all(this.#consumers.map((consumer) => consumer.run()));
    await this.engine.close('drain');
  }

  /** What to say of programs that do not come to their end. They are left to themselves. */
  async #giveUp(): Promise<Error> {
    this.#isGivenUp = true;
    const cancelled = this.engine.close('cancel');
    cancelled.catch(() => {});
    const at = this.#consumers.findIndex(({ isThrough }) => !isThrough);
    const consumer = this.#consumers[at];
    if (consumer === undefined) return new Error('its programs are through, but their engine does not close');
    // Whoever hangs has no result to wait for.
    return new Disagreement(await this.#evidenceOf(at, consumer, undefined), ['it hangs']);
  }

  request(tag: string): GenerateRequest {
    return { prompt: 'go', tags: [tag] };
  }

  register(): void {
    this.#tellAll({ do: 'slot', holds: true });
    setInferenceRunner(
      (request: GenerateRequest, emitter: EventEmitter) => {
        const at = Number(request.tags?.[0]);
        const program = this.#programs[at] as Program;
        const { trace } = this.#consumers[at] as ConsumerPlayer;
        return playRunner(program.runner, emitter, trace, mustListen(program)) as never;
      },
      { hint: HINT },
    );
  }

  clear(): void {
    this.#tellAll({ do: 'slot', holds: false });
    setInferenceRunner(null, { hint: HINT });
  }

  close(mode: 'drain' | 'cancel'): Promise<void> {
    this.#tellAll({ do: 'engine closes', mode });
    if (mode === 'cancel') {
      for (const { trace } of this.#consumers) trace.addStanding<Stopping>({ do: 'stop', by: 'engine' });
    }
    return this.engine.close(mode);
  }

  /** Resolves when nobody holds the stream any more and its call is over. */
  async untilOver(tag: string, help: () => void): Promise<void> {
    for (let turns = 0; !this.#isGivenUp && (await this.#recordOf(tag))?.status === 'open'; turns += 1) {
      if (turns % COLLECT_AGAIN_TURNS === COLLECT_TURN) await this.#collectOnce();
      if (turns === HELP_TURN) help();
      await turn();
    }
  }

  /** One collection for all that ask for one in a turn. */
  #collectOnce(): Promise<void> {
    this.#collected ??= turn().then(() => {
      this.#collected = undefined;
      collectGarbage();
    });
    return this.#collected;
  }

  #tellAll(entry: Extract<Entry, { do: 'slot' | 'engine closes' }>): void {
    for (const { trace } of this.#consumers) trace.add(entry);
  }

  async #recordOf(tag: string): Promise<CallRecord | undefined> {
    const [record] = await Array.fromAsync(this.engine.eventLog.calls({ tags: [tag] }));
    return record;
  }

  async #evidenceOf(at: number, consumer: ConsumerPlayer, result: Evidence['result']): Promise<Evidence> {
    const record = await this.#recordOf(String(at));
    return {
      program: this.#programs[at] as Program,
      entries: consumer.trace.entries,
      turns: consumer.trace.turns,
      signal: consumer.controller.signal,
      record,
      logged: record === undefined ? [] : await Array.fromAsync(this.engine.eventLog.events(record.traceId)),
      result,
    };
  }
}
