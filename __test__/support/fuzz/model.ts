/**
 * A call in simple words, from its first pull to its ending: what becomes of events, stops and the ends of runs. Written
 * from the documentation, not from the code.
 */
import type { StreamEvent } from 'car-inference';
import { Answer, type ToolCall } from './answer';
import { ModelOutlet } from './model-outlet';
import { mayBeCutOff, type Offer, type Program } from './program';
import type { Finished, Stopper } from './trace';

export type Code =
  | 'done'
  | 'cancelled'
  | 'engine-closed'
  | 'no-runner'
  | 'protocol'
  | 'limit-exceeded'
  | 'runner-failed'
  | 'runner-declined';

export type Phase = 'fresh' | 'running' | 'done has passed' | 'stopping' | 'between attempts' | 'over';

/** An event that the log must hold; `perhaps` when a clock decides it. */
export interface Logged {
  readonly event: StreamEvent;
  readonly attempt: number;
  readonly perhaps: boolean;
}

/** Its words are not the model's business. */
export const RETRIED: StreamEvent = { type: 'warning', message: '', code: 'retried' };
/** Its text and calls are those of the whole answer. */
export const DONE: StreamEvent = { type: 'done', text: '', toolCalls: [] };

/** What the engine allows when nothing else is said. */
const UNAWAITED_EVENTS_MAX = 16_384;

export class Model {
  phase: Phase = 'fresh';
  /** How it must end; undefined until that is decided. */
  ending: Code | undefined;
  /** What ended it, if its consumer or engine did. */
  stoppedBy: Stopper | 'drop' | undefined;
  readonly log: Logged[] = [];
  isRecorded = false;
  answer = new Answer();
  attempt = 0;
  hasRunner = true;
  /** The run whose outcome decided the ending. */
  decisive: Finished | undefined;
  readonly outlet: ModelOutlet;
  readonly #program: Program;
  #isAborted = false;
  #isOpened = false;
  #isAccepted = false;
  #engineIsClosed = false;

  constructor(program: Program) {
    this.#program = program;
    const { bufferedEventsMax, unawaitedEventsMax = UNAWAITED_EVENTS_MAX } = program;
    this.outlet = new ModelOutlet({ bufferedEventsMax, unawaitedEventsMax });
  }

  /** It gets its facts, once. */
  open(): void {
    if (!this.#isOpened) this.#refuse();
    this.#isOpened = true;
  }

  /** Its result was asked for. Where nothing else begins it, it begins when that has come through. */
  accept(): void {
    this.#isAccepted = !this.#engineIsClosed;
  }

  /** What was accepted is drained, or cancelled; what was not is refused from now on. */
  closeEngine(mode: 'drain' | 'cancel'): void {
    if (this.#isAccepted && mode === 'drain') this.start();
    this.#engineIsClosed = true;
  }

  start(): void {
    this.#refuse();
    if (this.phase !== 'fresh') return;
    this.isRecorded = true;
    if (this.hasRunner) {
      this.phase = 'running';
    } else {
      this.ending = 'no-runner';
      this.close();
    }
  }

  begin(attempt: number): void {
    if (this.phase === 'between attempts') this.phase = 'running';
    this.attempt = attempt;
    this.answer = new Answer();
    this.outlet.openRoom(); // Only the attempt before was told to wait.
  }

  /** The gate: what becomes of an event of the current run. */
  take({ arrives }: Offer): 'delivered' | 'refused' | 'closed' {
    switch (this.phase) {
      case 'running':
        return this.#judge(arrives);
      case 'done has passed':
        return arrives === null ? 'closed' : 'refused';
      case 'stopping':
        this.#account(arrives);
        return 'closed';
      default:
        return 'closed';
    }
  }

  /** The gate stops the call. What has passed it is delivered all the same. */
  end(code: Code): void {
    this.ending = code;
    this.phase = 'stopping';
    this.outlet.openRoom();
  }

  /** Its consumer or engine stops the call. What waits is not delivered any more. */
  stop(by: Stopper | 'drop'): void {
    if (by === 'leave') this.outlet.silence();
    if (by === 'abort') this.#isAborted = true;
    if (by === 'leave' && this.outlet.isDetached) return;
    switch (this.phase) {
      case 'fresh':
        // An abort is looked at when it starts, and an engine knows only what it has accepted.
        if (by === 'abort' || (by === 'engine' && !this.#isAccepted)) return;
        this.#cancelled(by);
        this.close();
        break;
      case 'running':
        this.#cancelled(by);
        this.outlet.drop();
        this.phase = 'stopping';
        break;
      case 'between attempts':
        this.#cancelled(by);
        this.outlet.drop();
        this.close();
        break;
      case 'done has passed':
        // Too late: the answer is complete. Only its runner is not waited for.
        this.close();
        break;
    }
  }

  /** The run's end has been heard of. */
  settle(finished: Finished): void {
    const { how } = finished;
    if (this.phase === 'done has passed') {
      if (how.do === 'return' && how.isResult) this.answer.fill(textOf(how.result), callsOf(how.result));
      this.close();
    } else if (this.phase === 'stopping') {
      this.close();
    } else if (this.phase === 'running') {
      this.decisive = finished;
      this.#arrive(this.answer.flushAll());
      if (how.do === 'throw') {
        this.#failed(how.what);
        return;
      }
      if (how.isResult) this.answer.fill(textOf(how.result), callsOf(how.result));
      this.ending = how.isResult ? 'done' : 'protocol';
      this.close();
    }
  }

  /** The call is over. */
  close(): void {
    this.phase = 'over';
    if (this.ending === 'done') this.outlet.deliver(DONE);
    this.outlet.close(this.ending !== 'done');
  }

  /** It may be over before it begins, and nobody records it. */
  #refuse(): void {
    if (this.phase !== 'fresh') return;
    if (this.#isAborted) this.#cancelled('abort');
    else if (this.#engineIsClosed) this.ending = 'engine-closed';
    if (this.ending !== undefined) this.close();
  }

  #judge(arrives: StreamEvent | null): 'delivered' | 'refused' {
    if (arrives === null) {
      this.end('protocol');
      return 'refused';
    }
    const ruling = this.answer.take(arrives);
    if (ruling === 'refused') return 'refused';
    this.#arrive(ruling.arrive);
    if ('ends' in ruling) {
      this.end(ruling.ends);
      return 'refused';
    }
    if (ruling.isDone) {
      this.phase = 'done has passed';
      this.ending = 'done';
    }
    return 'delivered';
  }

  /** What a call has cost that is being stopped is recorded, and delivered to nobody. */
  #account(arrives: StreamEvent | null): void {
    if (arrives?.type !== 'usage' && arrives?.type !== 'stop-reason') return;
    // A runner that goes on is cut off after a grace that is short: only the clock knows whether this came before.
    const perhaps = mayBeCutOff(this.#program);
    if (!perhaps) this.answer.fold(arrives);
    this.log.push({ event: arrives, attempt: this.attempt, perhaps });
  }

  #arrive(events: readonly StreamEvent[]): void {
    for (const event of events) {
      this.log.push({ event, attempt: this.attempt, perhaps: false });
      this.outlet.deliver(event);
    }
  }

  #cancelled(by: Stopper | 'drop'): void {
    this.ending = 'cancelled';
    this.stoppedBy = by;
  }

  #failed(what: Extract<Finished['how'], { do: 'throw' }>['what']): void {
    const declined = what === 'a refusal';
    const mayRetry = !declined && what !== 'a bad request' && this.attempt < this.#program.attemptsMax;
    if (mayRetry && !this.answer.hasContent) {
      if (this.answer.count > 0) this.#arrive([RETRIED]);
      this.phase = 'between attempts';
      return;
    }
    this.ending = declined ? 'runner-declined' : 'runner-failed';
    this.close();
  }
}

function textOf(result: unknown): string {
  return (result as { text?: string } | undefined)?.text ?? '';
}

function callsOf(result: unknown): readonly ToolCall[] {
  return (result as { toolCalls?: readonly ToolCall[] } | undefined)?.toolCalls ?? [];
}
