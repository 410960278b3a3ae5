/**
 * A call in simple words, from its first pull to its ending. Written from the documentation, not from the code: it reads
 * what a program did, in order, and says what must have been seen of it. Of the engine it takes only what nobody else can
 * know, which is when a runner's end had been heard of (`Standing`), and holds that to what is possible.
 */
import type { StreamEvent } from 'car-inference';
import { Answer } from './answer';
import { ModelOutlet } from './model-outlet';
import type { Offer, Program } from './program';
import { tellsWhenRead } from './runner';
import { shown } from './shown';
import type { Entry, Finished, Offered, Standing, Stopper, Stopping } from './trace';

export type Code =
  | 'done'
  | 'cancelled'
  | 'engine-closed'
  | 'no-runner'
  | 'protocol'
  | 'limit-exceeded'
  | 'runner-failed'
  | 'runner-declined';

type Phase = 'fresh' | 'running' | 'done has passed' | 'stopping' | 'between attempts' | 'over';

/** An event that the log must hold; `perhaps` when a clock decides it. */
export interface Logged {
  readonly event: StreamEvent;
  readonly perhaps: boolean;
}

/** Its words are not the model's business. */
export const RETRIED: StreamEvent = { type: 'warning', message: '', code: 'retried' };
/** Its text and calls are those of the whole answer. */
export const DONE: StreamEvent = { type: 'done', text: '', toolCalls: [] };

const UNAWAITED_EVENTS_MAX = 16_384;

export class Model {
  phase: Phase = 'fresh';
  /** How it must end; undefined until that is decided. */
  ending: Code | undefined;
  /** What ended it, if its consumer or engine did. */
  stoppedBy: Stopper | 'drop' | undefined;
  readonly log: Logged[] = [];
  readonly flaws: string[] = [];
  isRecorded = false;
  answer = new Answer();
  /** The run whose outcome decided the ending. */
  decisive: Finished | undefined;
  /** With what its runners' signals were aborted. */
  readonly reasons: unknown[] = [];
  readonly outlet: ModelOutlet;
  readonly #program: Program;
  /** Its grace is short, so that what comes after a stop may come too late: only the clock knows. */
  readonly #mayBeCutOff: boolean;
  #hasRunner = true;
  #engineIsClosed = false;
  #isAborted = false;
  #isDropped = false;
  #attempt = 0;
  #listens = false;
  #isDueToBeTold = false;
  /** Stops of a call that was detached: they stop nothing. */
  readonly #idle = new Set<Stopping>();
  #finished: Finished | undefined;
  #hasSettled = false;
  /** Yielded, and nothing tells when the gate looks at it but that the call ends. */
  #unseen: Offer | undefined;

  constructor(program: Program) {
    this.#program = program;
    this.#mayBeCutOff = mayBeCutOff(program);
    const { bufferedEventsMax, unawaitedEventsMax = UNAWAITED_EVENTS_MAX } = program;
    this.outlet = new ModelOutlet({ bufferedEventsMax, unawaitedEventsMax });
  }

  replay(entries: readonly Entry[]): this {
    for (const entry of entries) {
      if (this.#isDueToBeTold && entry.do !== 'told') {
        this.#flaw(`its runner was not told before ${entry.do}`);
        this.#isDueToBeTold = false;
      }
      this.#step(entry);
    }
    if (this.#isDueToBeTold) this.#flaw('its runner was not told');
    this.#settle();
    if (this.#unseen !== undefined && this.phase === 'running') this.#flaw('what it yielded was never judged');
    // A stream that was given up between two attempts has no runner to be told.
    if (this.phase === 'between attempts' && this.#isDropped && this.outlet.isForgettable) this.#stop('drop');
    if (this.phase === 'stopping' || this.phase === 'done has passed') this.#close();
    return this;
  }

  #step(entry: Entry): void {
    switch (entry.do) {
      case 'flaw':
        this.#flaw(entry.says);
        break;
      case 'slot':
        this.#hasRunner = entry.holds;
        break;
      case 'engine closes':
        this.#engineIsClosed = true;
        break;
      case 'pull':
        this.#stands(entry.standing);
        this.outlet.pull(entry);
        this.#start();
        break;
      case 'demand':
        this.#stands(entry.standing);
        this.outlet.demand();
        this.#start();
        break;
      case 'detach':
        this.#stands(entry.standing);
        this.#start();
        this.outlet.detach();
        break;
      case 'facts':
        this.#open();
        break;
      case 'claim':
        this.outlet.claim();
        break;
      case 'stop':
        this.#stands(entry.standing);
        if (entry.by === 'leave' && this.outlet.isDetached) this.#idle.add(entry);
        this.#stop(entry.by);
        break;
      case 'stopped':
        this.#stands(entry.standing);
        if (entry.standing !== undefined && entry.standing !== 'over' && !this.#idle.has(entry.stop)) {
          this.#flaw(`${entry.stop.by} said that the call was over`);
        }
        break;
      case 'drop':
        this.#isDropped = true;
        break;
      case 'begin':
        this.#settle();
        this.#begin(entry);
        break;
      case 'asked':
        this.#asked(entry.attempt);
        break;
      case 'offer':
        this.#offered(entry);
        break;
      case 'room':
        this.#stands(entry.standing);
        if (this.outlet.isHeld(entry.offered)) this.#flaw('emit let its runner go on although there was no room');
        break;
      case 'yield':
        if (!tellsWhenRead(entry.offer.event)) this.#unseen = entry.offer;
        break;
      case 'reach':
        this.#reached(entry.attempt, entry.offer);
        break;
      case 'finish':
        if (entry.attempt === this.#attempt) this.#finished = entry;
        break;
      case 'told':
        this.#told(entry);
    }
  }

  #flaw(says: string): void {
    this.flaws.push(says);
  }

  /** Holds what the engine says of itself to what is possible, and learns whether it has heard of the run's end. */
  #stands(standing: Standing | undefined): void {
    if (standing === undefined) return;
    const hasFinished = this.#finished !== undefined;
    const possible: Standing[] =
      this.phase === 'running'
        ? hasFinished
          ? ['open', 'closed', 'over']
          : ['open']
        : this.phase === 'over'
          ? ['over']
          : this.phase === 'between attempts'
            ? ['closed']
            : ['closed', 'over'];
    if (!possible.includes(standing)) this.#flaw(`it is ${standing} while it must be ${this.phase}`);
    if (this.phase === 'running' && standing !== 'open') {
      this.#settle();
      const phase = this.phase as Phase;
      if ((phase === 'over') !== (standing === 'over')) this.#flaw(`it is ${standing} while it must be ${phase}`);
    } else if (standing === 'over') {
      this.#settle();
      // Its runner ended without a word, as a generator does that is left, or was not waited for any longer.
      if (this.phase === 'stopping' || this.phase === 'done has passed') this.#close();
    }
  }

  /** It gets its facts, or is refused: that is over before it began, and nobody records it. */
  #open(): void {
    if (this.phase !== 'fresh') return;
    if (this.#isAborted) this.#cancelled('abort');
    else if (this.#engineIsClosed) this.ending = 'engine-closed';
    if (this.ending !== undefined) this.#close();
  }

  #start(): void {
    this.#open();
    if (this.phase !== 'fresh') return;
    this.isRecorded = true;
    if (this.#hasRunner) {
      this.phase = 'running';
    } else {
      this.ending = 'no-runner';
      this.#close();
    }
  }

  #begin({ attempt, listens }: Extract<Entry, { do: 'begin' }>): void {
    if (attempt !== this.#attempt + 1) this.#flaw(`attempt ${attempt} began after attempt ${this.#attempt}`);
    if (this.phase === 'between attempts') this.phase = 'running';
    if (this.phase !== 'running') this.#flaw(`attempt ${attempt} began while the call was ${this.phase}`);
    this.#attempt = attempt;
    this.#hasSettled = false;
    this.#listens = listens;
    this.answer = new Answer();
  }

  #asked(attempt: number): void {
    const mayRun = this.phase === 'running' || this.phase === 'done has passed';
    if (attempt !== this.#attempt || !mayRun) this.#flaw(`the runner was pulled while the call was ${this.phase}`);
    else if (!this.outlet.wantsMore) this.#flaw('the runner was pulled although nobody wanted more');
  }

  #told({ attempt, reason }: Extract<Entry, { do: 'told' }>): void {
    this.reasons.push(reason);
    if (attempt !== this.#attempt) {
      this.#flaw('a runner was told that is not the current one');
    } else if (this.#hasSettled) {
      this.#flaw('the runner was told after it had settled');
    } else if (this.phase === 'done has passed' && this.#unseen !== undefined) {
      this.#unseen = undefined; // No event, after the last: nothing more is wanted of it.
    } else if (this.phase === 'done has passed' && !this.#isDueToBeTold) {
      // Its grace is over.
      if (!this.#mayBeCutOff && !this.#isDropped) this.#flaw('the runner was told after its done');
      this.#close();
    } else if (this.phase === 'running' && this.#unseen !== undefined) {
      this.#take(this.#unseen);
    } else if (this.phase === 'running' && this.#isDropped && this.outlet.isForgettable) {
      this.#stop('drop');
    } else if (this.phase === 'running') {
      this.#flaw('the runner was told for no reason');
    }
    this.#isDueToBeTold = false;
  }

  #offered(entry: Offered): void {
    const { answer, later, offer } = entry;
    if (answer === 'neither') this.#flaw('emit answered neither a word nor a promise');
    if (answer === 'a promise' && later !== 'delivered') this.#flaw(`a promised answer came to ${later ?? 'nothing'}`);
    if (entry.attempt !== this.#attempt) {
      if (answer !== 'closed') this.#flaw(`emit answered ${answer} in an attempt that is over`);
      return;
    }
    this.#stands(entry.standing);
    const isLate = this.#mayBeCutOff && this.phase === 'done has passed' && answer === 'closed';
    const due = isLate ? 'closed' : this.#take(offer);
    if (due !== 'delivered') {
      if (answer !== due) this.#flaw(`emit answered ${answer} and not ${due} to ${shown(offer.event)}, ${this.phase}`);
      return;
    }
    const { fill } = this.outlet;
    if (fill === 'over' && this.phase === 'running') this.#end('limit-exceeded');
    const word = fill === 'full' ? 'a promise' : 'delivered';
    if (word === 'a promise') this.outlet.hold(entry);
    if (answer !== word) this.#flaw(`emit answered ${answer} and not ${word} to ${shown(offer.event)}`);
  }

  #reached(attempt: number, offer: Offer): void {
    if (attempt !== this.#attempt) {
      this.#flaw('the gate looked at an event of an attempt that is over');
    } else if (this.phase === 'done has passed' && offer.arrives === null) {
      this.#isDueToBeTold = this.#listens; // Nothing more is wanted of it.
    } else if (this.#take(offer) === 'delivered' && this.phase === 'running' && this.outlet.fill === 'over') {
      this.#end('limit-exceeded');
    }
  }

  /** The gate: what becomes of an event of the current run. */
  #take({ arrives }: Offer): 'delivered' | 'refused' | 'closed' {
    this.#unseen = undefined;
    if (this.phase === 'done has passed') return arrives === null ? 'closed' : 'refused';
    if (this.phase === 'stopping') {
      // What a call has cost that is being stopped is recorded, and delivered to nobody.
      if (arrives?.type === 'usage' || arrives?.type === 'stop-reason') {
        if (!this.#mayBeCutOff) this.answer.fold(arrives);
        this.log.push({ event: arrives, perhaps: this.#mayBeCutOff });
      }
      return 'closed';
    }
    if (this.phase !== 'running') return 'closed';
    if (arrives === null) {
      this.#end('protocol');
      return 'refused';
    }
    const ruling = this.answer.take(arrives);
    if (ruling === 'refused') return 'refused';
    this.#arrive(ruling.arrive);
    if ('ends' in ruling) {
      this.#end(ruling.ends);
      return 'refused';
    }
    if (ruling.isDone) {
      this.phase = 'done has passed';
      this.ending = 'done';
    }
    return 'delivered';
  }

  #arrive(events: readonly StreamEvent[]): void {
    for (const event of events) {
      this.log.push({ event, perhaps: false });
      this.outlet.deliver(event);
    }
  }

  /** The gate stops the call. */
  #end(code: Code): void {
    this.ending = code;
    this.phase = 'stopping';
    this.#isDueToBeTold = this.#listens;
    this.outlet.openRoom();
  }

  #stop(by: Stopper | 'drop'): void {
    if (by === 'leave') this.outlet.silence();
    if (by === 'abort') this.#isAborted = true;
    if (by === 'leave' && this.outlet.isDetached) return;
    switch (this.phase) {
      case 'fresh':
        // An abort is looked at when it starts, and an engine knows nothing of it yet.
        if (by === 'abort' || by === 'engine') return;
        this.#cancelled(by);
        this.#close();
        break;
      case 'running':
        this.#cancelled(by);
        this.outlet.drop();
        this.phase = 'stopping';
        this.#isDueToBeTold = this.#listens;
        break;
      case 'between attempts':
        this.#cancelled(by);
        this.outlet.drop();
        this.#close();
        break;
      case 'done has passed':
        // Too late: the answer is complete. Only its runner is not waited for.
        this.#close();
        break;
    }
  }

  #cancelled(by: Stopper | 'drop'): void {
    this.ending = 'cancelled';
    this.stoppedBy = by;
  }

  /** The run's end has been heard of. */
  #settle(): void {
    const finished = this.#finished;
    this.#finished = undefined;
    if (finished === undefined || finished.attempt !== this.#attempt) return;
    const { how } = finished;
    this.#hasSettled = true;
    if (this.phase === 'done has passed') {
      if (how.do === 'return' && how.isResult) this.answer.fill(textOf(how.result));
      this.#close();
    } else if (this.phase === 'stopping') {
      this.#close();
    } else if (this.phase === 'running') {
      this.decisive = finished;
      this.#arrive(this.answer.flushAll());
      if (how.do === 'throw') {
        this.#failed(how.what);
        return;
      }
      if (how.isResult) this.answer.fill(textOf(how.result));
      this.ending = how.isResult ? 'done' : 'protocol';
      this.#close();
    }
  }

  #failed(what: Extract<Finished['how'], { do: 'throw' }>['what']): void {
    const declined = what === 'a refusal';
    const mayRetry = !declined && what !== 'a bad request' && this.#attempt < this.#program.attemptsMax;
    if (mayRetry && !this.answer.hasContent) {
      if (this.answer.count > 0) this.#arrive([RETRIED]);
      this.phase = 'between attempts';
      return;
    }
    this.ending = declined ? 'runner-declined' : 'runner-failed';
    this.#close();
  }

  #close(): void {
    this.phase = 'over';
    if (this.ending === 'done') this.outlet.deliver(DONE);
    this.outlet.close(this.ending !== 'done');
  }
}

/** Whether a program goes on when it is told to stop: only such a one gets a grace that is short. */
export function mayBeCutOff({ runner }: Program): boolean {
  return runner.attempts.some((steps) => steps.some((step) => step.do === 'hang' && step.onAbort === 'go on'));
}

/** Whether the model needs to know when the runner is told to stop. */
export function mustListen({ end, runner }: Program): boolean {
  const yields = runner.way !== 'emitter';
  return (
    end === 'drop it' ||
    (yields && runner.attempts.some((steps) => steps.some((it) => it.do === 'send' && !tellsWhenRead(it.offer.event))))
  );
}

function textOf(result: unknown): string {
  return (result as { text?: string } | undefined)?.text ?? '';
}
