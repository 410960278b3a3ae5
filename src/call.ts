/**
 * One call in this thread: opened, started, fed, stopped, over. Does what Rust says step by step and turns the ending
 * into what the consumer gets. Decides nothing about events, order, retries or timeouts.
 */

import type { Completion, Ending, Failure, GenerateRequest, StreamEvent } from '../native/types';
import type { AsyncScope } from './async-scope';
import { schemaOf, type WatchedCall, watchCall } from './call-channels';
import { CallClock } from './call-clock';
import { CallFailure, type ErrorOrigin } from './call-failure';
import { type CallInput, unreadableSignal } from './call-input';
import { CallResult, type Outcome } from './call-result';
import type { CallSettings } from './call-settings';
import { CallStarted } from './call-started';
import { Causes, type Reason } from './causes';
import { enterLive, leaveLive } from './deadlines';
import type { EmitOutcome } from './emitter';
import { doneEvent, outcomeOf } from './ending';
import type { EngineHandle } from './engine-handle';
import { CancelledError, InternalError, LimitExceededError } from './errors';
import { errorFrom, lastError } from './failure';
import { stopWatching } from './forgotten';
import { decodeJson, messageOf } from './json';
import { LOOKS, LocalRun } from './local-run';
import { Drain, isTooLong, native, Step, Stopped, Verdict } from './native';
import { enclosingCall, scopeOf, Ticket } from './nesting';
import { Outlet, quiet } from './outlet';
import { realm } from './realm';
import { type Fill, Room } from './room';
import { makeOwnRunner, runnerById } from './runner';
import { lockedError, readAlreadyError, type StreamReader } from './stream-reader';

/** Who stops a call, in the addon's words. */
export type StopKind = 'consumer' | 'signal' | 'engine';

/** What a started call waits for. */
type Phase = 'fresh' | 'local' | 'backoff' | 'foreign' | 'sealing' | 'over';

export class Call {
  /** The addon's number of this call; 0 until it is opened. */
  id = 0;
  readonly ticket: Ticket;
  readonly clock = new CallClock(this);
  /** The async context in which the call was made. */
  scope: AsyncScope;
  readonly #engine: EngineHandle;
  readonly #input: CallInput;
  readonly outlet = new Outlet();
  #room: Room | undefined;
  readonly #result = new CallResult();
  /** Set while `started()` waits for the first event. */
  #started: CallStarted | undefined;
  /** The first event has come. Checked only when `started()` is called, except for calls that Rust drives. */
  #hasBegun = false;
  /** Undefined when nobody listens. */
  #watched: WatchedCall | undefined;
  #causes: Causes | undefined;
  #settings: CallSettings | undefined;
  /** What is left of the call once it is over. */
  #over = { traceId: '', modelUsed: '' };
  #run: LocalRun | undefined;
  #phase: Phase = 'fresh';
  /** A foreign call has no more events until it says that it is ready. */
  #isDrained = false;
  #stopping = false;
  /** It was stopped: what still waits is delivered only if the answer was complete. */
  #dropsUnlessDone = false;
  /** The consumer has pulled at least once. */
  #iterated = false;
  #reader: StreamReader | undefined;
  /** The ending is wanted, whether or not anyone pulls. */
  #demanded = false;
  #detached = false;
  #forgotten = false;
  #whenOver: Array<() => void> = [];
  #onAbort: (() => void) | undefined;

  constructor(engine: EngineHandle, input: CallInput) {
    this.#engine = engine;
    this.#input = input;
    this.ticket = new Ticket(enclosingCall(), engine.id);
    this.scope = scopeOf(this.ticket, realm.calls.size, engine.setsNestedCallsMax);
  }

  // ── the consumer's side ──

  next(): Promise<IteratorResult<StreamEvent, void>> {
    return this.outlet.pull() ?? this.#next();
  }

  #next(): Promise<IteratorResult<StreamEvent, void>> {
    const outlet = this.outlet;
    this.#iterated = true;
    const event = outlet.take();
    if (event !== undefined) {
      if (this.#room?.isAwaited) this.#room.taken(this.#limits);
      if (this.#demanded) this.#pump();
      return Promise.resolve({ value: event, done: false });
    }
    if (this.#phase === 'over' || this.#detached) return outlet.afterEnd();
    const pull = outlet.wait();
    if (this.#phase === 'fresh') this.start();
    else this.#pump();
    return pull;
  }

  /** The folded result; asks for the whole call, and pulls by itself when nobody iterates. */
  result(): Promise<Completion> {
    if (!this.#result.isAsked && this.#phase !== 'over') {
      // The call counts as accepted from here: an engine that is closed in the same tick must not refuse it.
      if (this.#isFresh) {
        this.#engine.enter(this);
        // Until the next tick, the call around it may be over, and then an engine that drains would refuse this one.
        if (this.#engine.isDraining) this.start();
      }
      // A loop that begins in the same tick must still get every event.
      Promise.resolve().then(() => this.#demand());
    }
    return this.#result.promise();
  }

  /** Resolves at the first event, which stays in the stream; starts the call. */
  started(): Promise<void> {
    if (this.#started !== undefined) return this.#started.promise;
    if (this.#findBegun()) return Promise.resolve();
    if (this.#phase === 'over') return quiet(this.#result.promise().then(nothing));
    const started = new CallStarted();
    this.#started = started;
    if (this.#isFresh) this.start();
    else {
      this.#connect(this.#run);
      this.#pump();
    }
    return started.promise;
  }

  /** Whether the first event has come. */
  #findBegun(): boolean {
    // For a call that Rust drives, an event that Rust has may not be deliverable yet.
    if (!this.#hasBegun && this.id !== 0 && this.#phase !== 'over' && this.#phase !== 'foreign') {
      this.#hasBegun = native.hasBegun(this.id);
    }
    return this.#hasBegun;
  }

  #begun(): void {
    this.#hasBegun = true;
    const started = this.#started;
    this.#started = undefined;
    started?.came();
    if (this.#phase === 'local') this.#connect(this.#run);
  }

  /** Whether the whole answer was asked for, by `generate()`, `result()` or `detach()`. */
  get isAnswerWanted(): boolean {
    return this.#demanded || this.#result.isAsked;
  }

  /** A reader is attached and will pull later: `result()` must not throw its events away, and nobody else may read. */
  claim(reader: StreamReader): void {
    // Events pulled with `next()` are not lost: a loop after that ends at once, as for a generator.
    const lastReader = this.#reader ?? (this.#iterated ? undefined : 'result()');
    // A stream that was left or detached on purpose has ended, like a generator.
    if (!this.#detached && !this.outlet.isLeft) {
      const isRead = this.#phase === 'over' && this.outlet.isDrained;
      if (isRead && lastReader !== undefined) throw readAlreadyError(lastReader);
      if (!isRead && this.#reader !== undefined) throw lockedError(this.#reader);
    }
    this.#iterated = true;
    this.#reader = reader;
  }

  /** The reader has gone: whoever reads now is told how the call came out. */
  unclaim(): void {
    this.#reader = undefined;
  }

  /** The consumer leaves; resolves when the call is over. */
  leave(): Promise<void> {
    this.outlet.silence();
    if (this.#detached) return Promise.resolve();
    this.stop('consumer', undefined, 'the consumer left the stream');
    return this.over();
  }

  over(): Promise<void> {
    if (this.#phase === 'over') return Promise.resolve();
    return new Promise((resolve) => this.#whenOver.push(resolve));
  }

  detach(): void {
    if (this.#detached) return;
    if (this.#phase === 'fresh') {
      // Its runner may emit before it returns: that is for nobody, and must not count as waiting.
      this.#demanded = true;
      this.outlet.discard();
    }
    this.start();
    if (this.#phase === 'over') return;
    this.#detached = true;
    this.#demanded = true;
    this.outlet.silence();
    this.outlet.release();
    this.#room?.open();
    native.detach(this.id);
    this.#pump();
  }

  /** Nobody can reach the stream any more. */
  forget(): void {
    if (this.#detached || this.id === 0) return;
    if (this.#demanded) {
      // Somebody may still await the result, and nobody can pull any more: nothing is to wait for that.
      this.outlet.discard();
      this.#room?.open();
      this.#pump();
      return;
    }
    // The promise of a pull or of `started()` may still be awaited; the call goes on until it settles.
    if (this.outlet.waiting || this.#started !== undefined) {
      this.#forgotten = true;
      this.#connect(undefined);
    } else this.stop('consumer', undefined, 'the stream was forgotten');
  }

  get traceId(): string {
    if (this.#phase !== 'over' && this.#open()) return native.traceId(this.id);
    return this.#over.traceId;
  }

  get modelUsed(): string {
    if (this.#phase !== 'over' && this.#open()) return native.modelUsed(this.id);
    return this.#over.modelUsed || this.#input.model;
  }

  // ── lifecycle ──

  /** Starts an accepted call that has not begun. */
  begin(): void {
    if (this.#isFresh) this.start();
  }

  start(): void {
    // Opening tells subscribers of the start, and what they do may start or end the call.
    if (this.#phase !== 'fresh' || !this.#open() || !this.#isFresh) return;
    const { signal } = this.#input;
    try {
      if (signal !== undefined) {
        this.#onAbort = () => this.stop('signal', { value: signal.reason });
        // It may have been opened for its facts before the abort.
        if (signal.aborted) {
          this.#onAbort();
          return;
        }
        signal.addEventListener('abort', this.#onAbort, { once: true });
        // A signal may be anybody's object, and its listeners' list too.
        if (!this.#isFresh) return;
      }
      this.#engine.enter(this);
      this.#phase = 'local';
      this.proceed(native.start(this.id));
    } catch (error) {
      this.broken(error);
    }
  }

  /** Does the next step that Rust decided on. */
  proceed(step: number): void {
    if (this.#phase === 'over' || this.#phase === 'sealing') return;
    const isFirst = this.#run === undefined && this.#phase !== 'backoff';
    if (step >= 0 || step === Step.WAIT) {
      // What the gate itself has to say of the attempt before: that the call is tried again.
      if (!isFirst && native.hasDeliveries(this.id)) this.deliverStandIns();
      // A stream that was forgotten is stopped as soon as its last pull is answered.
      if (this.#isEnding) return;
      if (step >= 0 && this.#stopping) {
        this.proceed(native.settle(this.id));
        return;
      }
    }
    if (step >= 0) {
      const request = decodeJson<GenerateRequest>(native.requestJson(this.id));
      const run = new LocalRun(this);
      this.#phase = 'local';
      this.#run = run;
      this.#connect(run);
      this.#room?.open(); // Only the attempt before was told to wait.
      if (isFirst) this.#startClock();
      else this.clock.check();
      if (this.#isEnding) return;
      run.begin(runnerById(step), request);
      return;
    }
    this.#connect(undefined);
    this.clock.stop();
    switch (step) {
      case Step.WAIT:
        this.#run = undefined;
        this.#phase = 'backoff';
        this.clock.after(native.stepDelay(this.id), () => this.proceed(native.resume(this.id)));
        break;
      case Step.FOREIGN:
        this.#run = undefined;
        this.#phase = 'foreign';
        this.#pump();
        break;
      case Step.SEALING:
        this.#phase = 'sealing';
        break;
      default:
        this.#finish();
    }
  }

  /** Stops the call for its consumer or engine: nothing that waits is delivered any more. */
  stop(kind: StopKind, reason?: Reason, message?: string): void {
    if (this.#isEnding || this.#stopping) return;
    if (this.id === 0) {
      const cause = reason === undefined ? {} : { cause: reason.value };
      const error = new CancelledError(message ?? 'the call was cancelled before it started', cause);
      this.#conclude(new CallFailure(error, 'call'));
      return;
    }
    this.#stopping = true;
    this.#causes ??= new Causes();
    const found = native.stop(this.id, this.#causes.describeStop(kind, reason, message));
    // Too late for an answer that is complete: its runner only had not settled yet. All of it is still delivered.
    this.#dropsUnlessDone = true;
    if (found === Stopped.STOPPING || (found === Stopped.FOREIGN && !this.#isDone())) this.outlet.drop();
    if (found === Stopped.OVER) this.#finish();
    else if (found === Stopped.SEALING) this.sealing(kind === 'signal' ? reason : undefined);
    else if (found === Stopped.FOREIGN) this.#pump();
    else this.#abortRun(kind === 'signal' ? reason : undefined);
  }

  /** Rust stopped the call: at an event, or at a timeout. What was accepted before is still delivered. */
  stopped(): void {
    if (this.#isEnding) return;
    if (!this.timedOut() && this.#phase === 'local') this.clock.check(); // Perhaps it was the grace that is over.
  }

  timedOut(): boolean {
    if (this.#isEnding || this.#stopping) return false;
    this.#stopping = true;
    this.#abortRun(undefined);
    return true;
  }

  /** The attempt was silent for too long: its runner is aborted, and another attempt follows. */
  withdrawn(): void {
    if (!this.#isEnding && !this.#stopping) this.#abortRun(undefined);
  }

  /** The runner of that attempt did not stop within its grace. */
  givenUp(): void {
    if (this.#isEnding) return;
    try {
      this.#run?.abandon(new CancelledError('the attempt is over'));
      this.proceed(native.giveUp(this.id));
    } catch (error) {
      this.broken(error);
    }
  }

  waitedMs(): number {
    return this.#run?.waitedMs() ?? 0;
  }

  nextLookMs(leftMs: number): number {
    return this.#run?.nextLookMs(leftMs) ?? leftMs;
  }

  /** The ending is there: the log has committed, or the grace period is over. */
  sealed(): void {
    this.#finish();
  }

  /** What the ending is has been decided; it is there once the log has committed. The runner is not waited for. */
  sealing(reason?: Reason): void {
    if (this.#isEnding) return;
    this.#phase = 'sealing';
    this.clock.stop();
    this.#run?.abandon(reason === undefined ? new CancelledError('the call is over') : reason.value);
    this.#room?.open();
  }

  /** Rust cannot say what it has to say, or something that cannot happen has, such as a panic: the call ends all the same. */
  broken(error: unknown): void {
    if (this.#phase === 'over') return;
    attempt(() => {
      this.#over = { modelUsed: this.modelUsed, traceId: this.traceId };
    });
    const failure = isTooLong(error)
      ? tooLong(error, this.#over.traceId)
      : new InternalError(messageOf(error), { cause: error });
    this.#conclude(new CallFailure(failure, 'call'));
  }

  /** A foreign call has events. */
  ready(): void {
    this.#isDrained = false;
    this.#pump();
  }

  // ── the runner's side ──

  deliver(event: StreamEvent, bytes: number): void {
    if (this.#watched !== undefined) this.#watched.event(event.type);
    if (this.#started !== undefined) this.#begun();
    this.outlet.deliver(event, bytes);
    if (this.#forgotten && !this.outlet.waiting) this.stop('consumer', undefined, 'the stream was forgotten');
  }

  /** What Rust has to hand over in place of the runner's own events. */
  deliverStandIns(): void {
    try {
      this.deliverAll(native.takeDeliveries(this.id));
    } catch (error) {
      this.broken(error);
    }
  }

  deliverAll(json: string): void {
    const events = decodeJson<StreamEvent[]>(json);
    const bytes = (json.length * 2) / Math.max(1, events.length);
    for (const event of events) this.deliver(event, bytes);
  }

  #deliverBatch(json: string): void {
    const batch = decodeJson<Array<string | StreamEvent | null>>(json);
    this.#hasBegun = true;
    this.#isDrained = batch.at(-1) === null;
    const bytes = (json.length * 2) / batch.length;
    for (const item of batch) {
      if (item !== null) this.deliver(typeof item === 'string' ? { type: 'text-delta', text: item } : item, bytes);
    }
  }

  /** Whether another event should be produced now. */
  get wantsMore(): boolean {
    return this.outlet.waiting || (this.#demanded && !this.isFull) || this.#started !== undefined;
  }

  /** Whether the consumer is behind by as much as is allowed. */
  get isFull(): boolean {
    return this.outlet.length > 0 && this.#fill() !== 'room';
  }

  /** What an emitter hears whose event was accepted. */
  accepted(): EmitOutcome | Promise<EmitOutcome> {
    const fill = this.outlet.length === 0 ? 'room' : this.#fill();
    if (fill === 'room' || this.#stopping) return 'delivered';
    const room = this.#room as Room;
    // Over the bound is only who was told to wait: an earlier attempt may have filled the buffer, or one event bring several.
    if (fill === 'full' || !room.isAwaited) return room.wait();
    // Not when it was `done` that delivered the last straw: then the answer is complete.
    if ((native.overrun(this.id) & Verdict.STOPPED) !== 0) this.stopped();
    // This event itself was accepted, recorded and delivered.
    return 'delivered';
  }

  /** Keeps a value for the error that will name it by number. */
  keepCause(value: unknown): number {
    this.#causes ??= new Causes();
    return this.#causes.keep(value);
  }

  /** Why the call is stopped, as its runner is to hear it. */
  reasonOf(failure: Failure): unknown {
    const causes = this.#causes?.values;
    const { kind, causeId } = failure.cancel ?? {};
    // As with `fetch`: the signal's own reason.
    if (kind === 'signal' && causeId !== undefined && causes?.has(causeId)) return causes.get(causeId);
    return errorFrom(failure, { causes });
  }

  /** Whether a consumer waits for something that is bound to come. */
  get keepsProcess(): boolean {
    const isAwaited =
      this.outlet.waiting ||
      this.#started !== undefined ||
      this.#whenOver.length > 0 ||
      this.#result.isAsked ||
      this.#engine.isAwaited;
    if (!isAwaited || this.#phase === 'fresh') return false;
    // Log, timer and other threads come back by themselves; a runner of this thread has to keep its own thread alive.
    if (this.#phase !== 'local') return true;
    if (!this.clock.isRunning) return false;
    const isGrace = this.#stopping || native.isClosed(this.id);
    return isGrace || this.#input.setsTimeouts || this.#engine.setsTimeouts;
  }

  // ── inside ──

  get #isFresh(): boolean {
    return this.#phase === 'fresh';
  }

  get #isEnding(): boolean {
    return this.#phase === 'over' || this.#phase === 'sealing';
  }

  get #limits(): CallSettings['limits'] {
    return this.#readSettings().limits;
  }

  #readSettings(): CallSettings {
    if (this.#settings === undefined) {
      const { optionsJson } = this.#input;
      this.#settings =
        optionsJson === undefined ? this.#engine.settings : decodeJson<CallSettings>(native.callSettings(this.id));
    }
    return this.#settings;
  }

  #fill(): Fill {
    this.#room ??= new Room(this.outlet);
    return this.#room.fill(this.#limits, this.#demanded);
  }

  /** Of an attempt that begins with the call, nobody has to ask Rust when to look first. */
  #startClock(): void {
    const { firstLookMs } = this.#readSettings();
    if (firstLookMs !== null) this.clock.start(firstLookMs / LOOKS);
  }

  #open(): boolean {
    if (this.#phase === 'over') return false;
    if (this.id !== 0) return true;
    const { error, optionsJson, requestJson, signal } = this.#input;
    this.#watched = watchCall(this.#input, this.scope);
    try {
      if (signal?.aborted) return this.#refuse(signal.reason, 'host');
    } catch (unreadable) {
      return this.#refuse(unreadableSignal(unreadable), 'call');
    }
    // The signal may be anybody's object: reading it may have opened the call already.
    if (this.#isEnding || this.id !== 0) return this.id !== 0;
    if (error !== undefined) return this.#refuse(error, 'host');
    const id = this.#openWithin(requestJson, optionsJson);
    if (id < 0) return this.#refuse(lastError(), 'call');
    this.id = id;
    this.ticket.id = id;
    enterLive(this);
    if (this.#watched !== undefined) {
      this.scope = this.#watched.start(native.traceId(id), schemaOf(this.#engine.id, native.modelUsed(id)));
    }
    return true;
  }

  #openWithin(requestJson: string, optionsJson: string | undefined): number {
    const { outer } = this.ticket;
    const { runner } = this.#input;
    if (runner !== undefined) {
      const runnerId = makeOwnRunner(runner);
      return native.open(this.#engine.id, requestJson, optionsJson, outer?.depthInside, outer?.id, runnerId);
    }
    if (outer === undefined) return native.open(this.#engine.id, requestJson, optionsJson);
    return native.open(this.#engine.id, requestJson, optionsJson, outer.depthInside, outer.id);
  }

  #refuse(error: unknown, origin: ErrorOrigin): false {
    this.#conclude(new CallFailure(error, origin));
    return false;
  }

  #demand(): void {
    if (this.#phase === 'over') return;
    this.#demanded = true;
    this.#connect(undefined);
    if (!this.#iterated) this.outlet.discard();
    // Where even the larger bound is reached, a runner that waits goes on waiting: it must not be the one that overruns.
    if (this.#room !== undefined && !this.isFull) this.#room.open();
    if (this.#phase === 'fresh') this.start();
    else this.#pump();
  }

  /** Lets pulls and events of a run go by this call, unless it has a part in them. */
  #connect(run: LocalRun | undefined): void {
    const isPlain = !this.#demanded && !this.#forgotten && this.#watched === undefined && this.#started === undefined;
    this.outlet.connect(isPlain ? run : undefined);
  }

  #pump(): void {
    if (this.#phase !== 'foreign') {
      this.#run?.pump();
      return;
    }
    try {
      // A stopped call is drained to its end, although nobody gets the events.
      while (this.#phase === 'foreign' && !this.#isDrained && (this.#stopping || this.wantsMore)) {
        const batch = native.drain(this.id);
        if (typeof batch === 'string') this.#deliverBatch(batch);
        else if (batch === Drain.ENDED) this.#finish();
        else this.#isDrained = true;
      }
    } catch (error) {
      this.broken(error);
    }
  }

  #isDone(): boolean {
    const json = native.ending(this.id);
    return json !== null && decodeJson<Ending>(json).status === 'done';
  }

  #abortRun(reason: Reason | undefined): void {
    if (this.#run !== undefined) {
      const failure = (): Failure => decodeJson<Failure>(native.stopReason(this.id));
      this.#run.abort(reason === undefined ? this.reasonOf(failure()) : reason.value);
    }
    this.#room?.open();
    // Aborting runs the runner's own listeners, and one that stops at once may have ended the call.
    if (this.#phase === 'local') this.clock.check();
  }

  /** Takes the ending from Rust and hands it over. */
  #finish(): void {
    if (this.#phase === 'over') return;
    this.#forgotten = false; // Delivering the rest stops nothing any more.
    try {
      const ending = decodeJson<Ending>(native.ending(this.id) as string);
      if (ending.status !== 'done') this.#findBegun();
      if (this.#dropsUnlessDone && ending.status !== 'done') this.outlet.drop();
      if (this.#phase !== 'foreign' && native.hasDeliveries(this.id)) this.deliverAll(native.takeDeliveries(this.id));
      const { modelUsed, text, traceId } = ending.completion;
      this.#over = { traceId, modelUsed };
      this.#watched?.sealed(ending);
      const outcome = outcomeOf(ending, this.#input.signal, this.#causes?.values);
      if (!(outcome instanceof CallFailure)) this.outlet.deliver(doneEvent(ending), text.length * 2);
      this.#conclude(outcome);
    } catch (error) {
      this.broken(error);
    }
  }

  #conclude(outcome: Outcome): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    this.ticket.isOver = true;
    stopWatching(this.ticket);
    this.clock.stop();
    this.#result.set(outcome);
    this.#room?.open();
    this.outlet.close(outcome instanceof CallFailure ? outcome : undefined);
    this.#result.announce();
    const started = this.#started;
    this.#started = undefined;
    if (outcome instanceof CallFailure) started?.failed(outcome);
    else {
      this.#hasBegun = true;
      started?.came();
    }
    this.#engine.leave(this);
    const whenOver = this.#whenOver;
    this.#whenOver = [];
    for (const resolve of whenOver) resolve();
    if (this.id !== 0) leaveLive(this);
    // Last, because code of others runs here: whatever it throws, the call is over.
    const watched = this.#watched;
    if (watched !== undefined) attempt(() => watched.end(outcome));
    const run = this.#run;
    this.#run = undefined;
    if (run !== undefined && !run.closed) attempt(() => run.abandon(new CancelledError('the call is over')));
    if (this.id !== 0) attempt(() => native.release(this.id));
    const onAbort = this.#onAbort;
    this.#onAbort = undefined;
    if (onAbort !== undefined) attempt(() => this.#input.signal?.removeEventListener('abort', onAbort));
  }
}

function nothing(): void {}

/** More was allowed than a JavaScript string holds. */
function tooLong(error: unknown, traceId: string): LimitExceededError {
  return new LimitExceededError(`${messageOf(error)}: lower limits.callBytesMax`, { limit: 'callBytesMax', traceId });
}

/** Runs what must not keep a call from being over. */
function attempt(run: () => void): void {
  try {
    run();
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}
