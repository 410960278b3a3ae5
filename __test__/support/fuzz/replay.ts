/**
 * Goes through what happened and tells the model, step by step; notes where the one who did it was answered otherwise
 * than the model says. Of the engine it takes only what nobody else can know, which is when a runner's end had been heard
 * of (`Standing`) and when the collector ran, and holds that to what is possible.
 */
import { Model, type Phase } from './model';
import { mayBeCutOff, type Offer, type Program, tellsWhenRead } from './program';
import { shown } from './shown';
import type { Entry, Finished, Offered, Pulled, Standing, Stopping } from './trace';

/** An answer takes microtasks; the count of turns may move on beside them. */
const TURNS_MAX = 2;

export class Replay {
  readonly model: Model;
  readonly flaws: string[] = [];
  /** With what its runners' signals were aborted. */
  readonly reasons: unknown[] = [];
  readonly #program: Program;
  readonly #mayBeCutOff: boolean;
  /** How many of the decided pulls have been looked at. */
  #timed = 0;
  #isDropped = false;
  #listens = false;
  #isDueToBeTold = false;
  /** Stops of a call that was detached: they stop nothing. */
  readonly #idle = new Set<Stopping>();
  /** The current run was asked for its first event. */
  #isAsked = false;
  /** The current run has come to its `finally`. */
  #leaves = false;
  #finished: Finished | undefined;
  #hasSettled = false;
  /** Yielded, and nothing tells when the gate looks at it but that the call ends. */
  #unseen: Offer | undefined;

  constructor(program: Program, entries: readonly Entry[], turns: readonly number[]) {
    this.#program = program;
    this.#mayBeCutOff = mayBeCutOff(program);
    this.model = new Model(program);
    for (const [at, entry] of entries.entries()) {
      this.#step(entry, entries[at + 1]);
      this.#checkInTime(turns[at] as number);
    }
    this.#conclude();
  }

  /** Whether the pulls that are decided now were answered soon; before, where the model learns of it later. */
  #checkInTime(turn: number): void {
    const { decided } = this.model.outlet;
    for (; this.#timed < decided.length; this.#timed += 1) {
      const { answeredTurn = Number.POSITIVE_INFINITY } = decided[this.#timed] as Pulled;
      if (answeredTurn > turn + TURNS_MAX) this.#flaw(`pull was answered ${answeredTurn - turn} turns late`);
    }
  }

  #step(entry: Entry, next: Entry | undefined): void {
    const { model } = this;
    const wasDue = this.#isDueToBeTold;
    this.#isDueToBeTold = false;
    if (wasDue && entry.do !== 'told') this.#flaw(`its runner was not told before ${entry.do}`);
    if ('standing' in entry) this.#stands(entry.standing);
    const { phase } = model;
    switch (entry.do) {
      case 'flaw':
        this.#flaw(entry.says);
        break;
      case 'slot':
        model.hasRunner = entry.holds;
        break;
      case 'engine closes':
        model.closeEngine(entry.mode);
        break;
      case 'accept':
        model.accept();
        break;
      case 'pull':
        model.outlet.pull(entry);
        model.start();
        break;
      case 'demand':
        model.outlet.demand();
        model.start();
        break;
      case 'detach':
        model.start();
        model.outlet.detach();
        break;
      case 'facts':
        model.open();
        break;
      case 'claim':
        model.outlet.claim();
        break;
      case 'stop':
        if (entry.by === 'leave' && model.outlet.isDetached) this.#idle.add(entry);
        model.stop(entry.by);
        break;
      case 'stopped':
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
        this.#offered(entry, next);
        break;
      case 'room':
        if (model.outlet.isHeld(entry.offered) && !this.#isPerhapsForgotten()) {
          this.#flaw('emit let its runner go on although there was no room');
        }
        break;
      case 'yield':
        if (!tellsWhenRead(entry.offer.event)) this.#unseen = entry.offer;
        break;
      case 'reach':
        this.#reached(entry);
        break;
      case 'finish':
        if (entry.attempt === model.attempt) this.#finished = entry;
        break;
      case 'leave':
        if (entry.attempt === model.attempt) this.#leaves = true;
        break;
      case 'told':
        this.#told(entry, wasDue);
    }
    if (phase === 'running' && model.phase === 'stopping') this.#isDueToBeTold = this.#listens && entry.do !== 'told';
  }

  #conclude(): void {
    const { model } = this;
    if (this.#isDueToBeTold) this.#flaw('its runner was not told');
    this.#settle();
    if (this.#unseen !== undefined && model.phase === 'running') this.#flaw('what it yielded was never judged');
    this.#giveUp();
    if (model.phase === 'stopping' || model.phase === 'done has passed') model.close();
  }

  /** A stream that was dropped between two attempts has no runner to be told. */
  #giveUp(): void {
    const { model } = this;
    if (model.phase === 'between attempts' && this.#isDropped && model.outlet.isForgettable) model.stop('drop');
  }

  #flaw(says: string): void {
    this.flaws.push(says);
  }

  /** Holds what the engine says of itself to what is possible, and learns whether it has heard of the run's end. */
  #stands(standing: Standing | undefined): void {
    if (standing === undefined) return;
    const { model } = this;
    if (standing === 'over') this.#giveUp();
    if (!this.#possible().includes(standing)) this.#flaw(`it is ${standing} while it must be ${model.phase}`);
    if (model.phase === 'running' && standing !== 'open') {
      this.#settle();
      if (standing === 'over') this.#giveUp();
      const phase = model.phase as Phase;
      if ((phase === 'over') !== (standing === 'over')) this.#flaw(`it is ${standing} while it must be ${phase}`);
    } else if (standing === 'over') {
      this.#settle();
      if (model.phase === 'stopping' || model.phase === 'done has passed') model.close();
    }
  }

  #possible(): Standing[] {
    switch (this.model.phase) {
      case 'running':
        return this.#finished === undefined ? ['open'] : ['open', 'closed', 'over'];
      case 'over':
        return ['over'];
      case 'between attempts':
        return ['closed'];
      default:
        return this.#mayHaveSettled ? ['closed', 'over'] : ['closed'];
    }
  }

  /** Whether the current run may be through: an ending waits for that, or for the grace. */
  get #mayHaveSettled(): boolean {
    const { way } = this.#program.runner;
    // An iterator without `return` is not waited for, nor is a generator that has not begun.
    return this.#leaves || way === 'iterator' || (way === 'generator' && !this.#isAsked) || this.#mayBeCutOff;
  }

  #settle(): void {
    const finished = this.#finished;
    this.#finished = undefined;
    if (finished === undefined || finished.attempt !== this.model.attempt) return;
    this.#hasSettled = true;
    this.model.settle(finished);
  }

  #begin({ attempt, listens }: Extract<Entry, { do: 'begin' }>): void {
    const { model } = this;
    if (attempt !== model.attempt + 1) this.#flaw(`attempt ${attempt} began after attempt ${model.attempt}`);
    model.begin(attempt);
    if (model.phase !== 'running') this.#flaw(`attempt ${attempt} began while the call was ${model.phase}`);
    this.#listens = listens;
    this.#hasSettled = false;
    this.#isAsked = false;
    this.#leaves = false;
  }

  #asked(attempt: number): void {
    const { outlet, phase } = this.model;
    this.#isAsked = true;
    if (attempt !== this.model.attempt || (phase !== 'running' && phase !== 'done has passed')) {
      this.#flaw(`the runner was pulled while the call was ${phase}`);
    } else if (!outlet.wantsMore && !this.#isPerhapsForgotten()) {
      this.#flaw('the runner was pulled although nobody wanted more');
    }
  }

  #offered(entry: Offered, next: Entry | undefined): void {
    const { model } = this;
    const { answer, later, offer } = entry;
    if (answer === 'neither') this.#flaw('emit answered neither a word nor a promise');
    if (answer === 'a promise' && later !== 'delivered') this.#flaw(`a promised answer came to ${later ?? 'nothing'}`);
    if (entry.attempt !== model.attempt) {
      if (answer !== 'closed') this.#flaw(`emit answered ${answer} in an attempt that is over`);
      return;
    }
    const { phase } = model;
    const answered = (due: string) => {
      if (answer !== due) this.#flaw(`emit answered ${answer} and not ${due} to ${shown(offer.event)} while ${phase}`);
    };
    // Its grace is short, and may be over: only the clock knows.
    const isLate = this.#mayBeCutOff && model.phase === 'done has passed' && answer === 'closed';
    const due = isLate ? 'closed' : this.#take(offer);
    if (due !== 'delivered') {
      answered(due);
      return;
    }
    const fill = this.#fill(answer === 'a promise' ? 'full' : next?.do === 'told' ? 'over' : 'room');
    if (fill === 'over' && model.phase === 'running') model.end('limit-exceeded');
    const word = fill === 'full' ? 'a promise' : 'delivered';
    if (word === 'a promise') model.outlet.hold(entry);
    answered(word);
  }

  #reached(entry: Extract<Entry, { do: 'reach' }>): void {
    const { model } = this;
    const { attempt, offer } = entry;
    if (attempt !== model.attempt) {
      this.#flaw('the gate looked at an event of an attempt that is over');
    } else if (model.phase === 'done has passed' && offer.arrives === null) {
      this.#isDueToBeTold = this.#listens; // Nothing more is wanted of it.
    } else if (this.#take(offer) === 'delivered') {
      const fill = this.#fill();
      if (fill === 'over' && model.phase === 'running') model.end('limit-exceeded');
      else if (fill === 'full') model.outlet.hold(entry);
    }
  }

  #take(offer: Offer): 'delivered' | 'refused' | 'closed' {
    this.#unseen = undefined;
    return this.model.take(offer);
  }

  /** How full the buffer is. */
  #fill(seen?: 'room' | 'full' | 'over'): 'room' | 'full' | 'over' {
    const { outlet } = this.model;
    if (seen !== undefined && outlet.fill !== seen && this.#isPerhapsForgotten()) return 'room';
    return outlet.fill;
  }

  /**
   * Whether nobody can pull any more although the call goes on for its result: from then on nothing waits. When the
   * collector finds that out, nobody can know; but once it has shown, it stays.
   */
  #isPerhapsForgotten(): boolean {
    return this.#isDropped && this.model.outlet.forget();
  }

  #told({ attempt, reason }: Extract<Entry, { do: 'told' }>, wasDue: boolean): void {
    const { model } = this;
    this.reasons.push(reason);
    if (attempt !== model.attempt) {
      this.#flaw('a runner was told that is not the current one');
    } else if (this.#hasSettled) {
      this.#flaw('the runner was told after it had settled');
    } else if (model.phase === 'done has passed' && this.#unseen !== undefined) {
      this.#unseen = undefined; // No event, after the last: nothing more is wanted of it.
    } else if (model.phase === 'done has passed' && !wasDue) {
      // Its grace is over, or nobody wants its answer.
      if (!this.#mayBeCutOff && !this.#isDropped) this.#flaw('the runner was told after its done');
      model.close();
    } else if (model.phase === 'running' && this.#unseen !== undefined) {
      this.#take(this.#unseen);
    } else if (model.phase === 'running' && this.#isDropped && model.outlet.isForgettable) {
      model.stop('drop');
    } else if (model.phase === 'running') {
      this.#flaw('the runner was told for no reason');
    }
  }
}
