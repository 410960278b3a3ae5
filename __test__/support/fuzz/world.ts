/** What the programs of one batch share: an engine, a runner that plays each program's runner side, the slot. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  type CallRecord,
  type EventEmitter,
  type GenerateRequest,
  InferenceEngine,
  RunnerDeclinedError,
  setInferenceRunner,
} from 'car-inference';
import { turn } from '../gate';
import { ProgramConsumer } from './consumer';
import { EVENT_BYTES_MAX, type Program } from './program';
import { runProgram } from './runner';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const GRACE_MS = 20;
const HINT = 'fuzz';

export class World {
  readonly engine = new InferenceEngine({
    models: [{ id: 'model', source: { type: 'delegated', hint: HINT } }],
    limits: { eventBytesMax: EVENT_BYTES_MAX },
    timeouts: { graceMs: GRACE_MS },
  });
  readonly isRacing: boolean = false;
  isClosed = false;
  hasRunner = false;
  readonly #programs: readonly Program[];
  #consumers: ProgramConsumer[] = [];

  constructor(programs: readonly Program[]) {
    this.#programs = programs;
    this.register();
  }

  /** Runs all of them at once, and compares what each saw with what it must have seen. */
  async run(): Promise<void> {
    this.#consumers = this.#programs.map((program, at) => new ProgramConsumer(this, program, String(at)));
    try {
      await Promise.all(this.#consumers.map((consumer) => consumer.run()));
      await this.engine.close('drain');
      for (const consumer of this.#consumers) await consumer.check();
    } finally {
      setInferenceRunner(null, { hint: HINT });
    }
  }

  request(tag: string): GenerateRequest {
    return { prompt: 'go', tags: [tag] };
  }

  register(): void {
    this.hasRunner = true;
    setInferenceRunner(
      (request: GenerateRequest, emitter: EventEmitter) => {
        const at = Number(request.tags?.[0]);
        const { trace } = this.#consumers[at] as ProgramConsumer;
        return runProgram((this.#programs[at] as Program).runner, emitter, { trace, RunnerDeclinedError }) as never;
      },
      { hint: HINT },
    );
  }

  clear(): void {
    this.hasRunner = false;
    setInferenceRunner(null, { hint: HINT });
  }

  close(mode: 'drain' | 'cancel'): Promise<void> {
    this.isClosed = true;
    // Written down first: what it sets off comes after it.
    if (mode === 'cancel') for (const consumer of this.#consumers) consumer.engineClosed();
    return this.engine.close(mode);
  }

  collectGarbage(): void {
    collectGarbage();
  }

  async recordsOf(tag: string): Promise<CallRecord[]> {
    return Array.fromAsync(this.engine.eventLog.calls({ tag }));
  }

  /** Resolves when nobody holds the stream any more and its call is over. */
  async untilOver(tag: string, enough: () => void): Promise<void> {
    for (let turns = 0; (await this.recordsOf(tag))[0]?.status === 'open'; turns += 1) {
      if (turns % 20 === 10) collectGarbage();
      if (turns === 100) enough();
      await turn();
    }
  }
}
