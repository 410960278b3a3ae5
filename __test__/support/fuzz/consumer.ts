/** Plays a program's consumer side. What its stream answers is written down by `watch`; here is what it does with it. */
import { isDeepStrictEqual } from 'node:util';
import { type Completion, type StreamEvent, StreamLockedError, type TrackedStream } from 'car-inference';
import { turn } from '../gate';
import { collectGarbage } from './garbage';
import { type ConsumerStep, mayBeCutOff, type Program } from './program';
import { rest } from './runner';
import { type Stopping, Trace } from './trace';
import { watch } from './watch';
import type { World } from './world';

class LeftTheLoop extends Error {}

/** How many turns a runner that hangs is waited for. */
const PATIENCE_TURNS = 4;
/** More than any program has events. */
const PULLS_MAX = 1_000;
/** Longer than any program takes, however slow the machine is: only programs that ask for it are cut off. */
const LONG_GRACE_MS = 60_000;
const SHORT_GRACE_MS = 20;

export class ConsumerPlayer {
  readonly trace: Trace;
  readonly controller = new AbortController();
  /** Nothing of its program goes on. */
  isThrough = false;
  result: Promise<{ completion: Completion } | { error: unknown }> | undefined;
  readonly #world: World;
  readonly #program: Program;
  readonly #tag: string;
  #stream: TrackedStream | undefined;
  #promise: Promise<Completion> | undefined;
  readonly #waiting: Promise<unknown>[] = [];

  constructor(world: World, program: Program, tag: string) {
    this.#world = world;
    this.#program = program;
    this.#tag = tag;
    this.trace = new Trace(world.engine.eventLog);
    const { attemptsMax, bufferedEventsMax, unawaitedEventsMax } = program;
    if (program.abortedBefore) this.#abort('before');
    this.#stream = world.engine.generateTrackedStream(world.request(tag), {
      signal: this.controller.signal,
      limits: { bufferedEventsMax, ...(unawaitedEventsMax !== undefined && { unawaitedEventsMax }) },
      retry: { attemptsMax, backoffMs: 0 },
      timeouts: { graceMs: mayBeCutOff(program) ? SHORT_GRACE_MS : LONG_GRACE_MS },
    });
    watch(this.#stream, this.trace);
  }

  async run(): Promise<void> {
    for (const step of this.#program.consumer) {
      this.#perform(step.do);
      await rest(step.pause);
    }
    const { end, runner } = this.#program;
    const hangs = runner.attempts.some((steps) => steps.some(({ do: what }) => what === 'hang'));
    if (end === 'drop it') {
      await this.#drop(hangs);
    } else {
      // What hangs is not to be waited for; how far the consumer is by then is part of the program's chance.
      const patience = hangs ? this.#losePatience() : undefined;
      await this.#end(end);
      await this.#pullToTheEnd();
      await patience;
    }
    await Promise.all(this.#waiting);
    // What the runner does late.
    for (let n = 0; n < 4; n += 1) await turn();
    await this.trace.settled();
    this.isThrough = true;
  }

  get #held(): TrackedStream {
    return this.#stream as TrackedStream;
  }

  #perform(what: ConsumerStep['do']): void {
    const stream = this.#held;
    switch (what) {
      case 'pull':
        this.#pull();
        break;
      case 'pull three':
        for (let n = 0; n < 3; n += 1) this.#pull();
        break;
      case 'read its facts':
        this.trace.add({ do: 'facts' });
        if (typeof stream.traceId !== 'string' || typeof stream.modelUsed !== 'string') this.trace.flaw('no facts');
        break;
      case 'ask for the result':
        this.#askForResult();
        break;
      case 'cancel':
        this.#wait(stream.cancel('by its program'));
        break;
      case 'abort':
        this.#abort('by its program');
        break;
      case 'return':
        this.#wait(stream.return());
        break;
      case 'throw': {
        const error = new LeftTheLoop();
        const thrown = stream.throw(error).then(
          () => this.trace.flaw('throw resolved'),
          (caught) => caught === error || this.trace.flaw('throw threw something else'),
        );
        this.#wait(thrown);
        break;
      }
      case 'dispose':
        this.#wait(stream[Symbol.asyncDispose]());
        break;
      case 'detach':
        stream.detach();
        break;
      case 'collect garbage':
        collectGarbage();
        break;
      case 'drain the engine':
        this.#wait(this.#world.close('drain'));
        break;
      case 'close the engine':
        this.#wait(this.#world.close('cancel'));
        break;
      case 'replace the runner':
        this.#world.register();
        break;
      case 'clear the runner':
        this.#world.clear();
        break;
    }
  }

  #wait(promise: Promise<unknown>): void {
    this.#waiting.push(promise);
  }

  /** Aborts its signal, which says so itself: listeners of the call come after ours. */
  #abort(reason: string): void {
    if (this.controller.signal.aborted) return;
    this.trace.addStanding<Stopping>({ do: 'stop', by: 'abort' });
    this.controller.abort(reason);
  }

  #pull(): Promise<{ done: boolean }> {
    const answer = this.#held.next().then(
      ({ done }) => ({ done: done === true }),
      () => ({ done: false }),
    );
    this.#wait(answer);
    return answer;
  }

  #askForResult(): void {
    const promise = this.#held.result();
    if (this.result !== undefined) {
      if (promise !== this.#promise) this.trace.flaw('two promises of one result');
      return;
    }
    this.#promise = promise;
    this.result = promise.then(
      (completion) => ({ completion }),
      (error: unknown) => ({ error }),
    );
    this.#wait(this.result);
  }

  async #losePatience(): Promise<void> {
    for (let n = 0; n < PATIENCE_TURNS; n += 1) await turn();
    this.#abort('at last');
  }

  async #drop(hangs: boolean): Promise<void> {
    // Whoever awaits a pull or the result still wants the call to go on; that is what may have to be helped.
    const isWanted =
      this.result !== undefined ||
      this.trace.entries.some((entry) => entry.do === 'detach' || (entry.do === 'pull' && entry.answer === undefined));
    this.trace.add({ do: 'drop' });
    this.#stream = undefined;
    await this.#world.untilOver(this.#tag, () => hangs && isWanted && this.#abort('at last'));
  }

  async #pullToTheEnd(): Promise<void> {
    for (let pulls = 0; !(await this.#pull()).done; pulls += 1) {
      if (pulls < PULLS_MAX) continue;
      this.trace.flaw('the stream does not end');
      return;
    }
    await this.#pull();
  }

  async #end(end: Program['end']): Promise<void> {
    const stream = this.#held;
    const from = this.trace.entries.length;
    switch (end) {
      case 'loop':
      case 'break':
      case 'throw in the loop':
        this.#sawAll(await this.#loop(end), from);
        break;
      case 'text stream':
      case 'part of the text stream': {
        const texts: string[] = [];
        const read = async () => {
          for await (const text of stream.textStream) {
            texts.push(text);
            if (end === 'part of the text stream' && texts.length === 2) break;
          }
        };
        await read().catch(() => {}); // Its error is a pull's answer.
        this.#sawTexts(texts, from);
        break;
      }
      case 'readable':
      case 'part of the readable': {
        const reader = this.#readerOf(stream);
        const seen: StreamEvent[] = [];
        if (reader === undefined) break;
        for (;;) {
          if (end === 'part of the readable' && seen.length === 2) {
            await reader.cancel('by its program');
            break;
          }
          const answer = await reader.read().catch(() => ({ done: true as const, value: undefined }));
          if (answer.done) break;
          seen.push(answer.value);
        }
        this.#sawAll(seen, from);
        break;
      }
      case 'ask for the result': {
        const pulls = this.trace.entries.some((entry) => entry.do === 'pull');
        this.#askForResult();
        // Who has pulled before has to go on: what waits for it slows its runner.
        if (!pulls) await this.result;
        break;
      }
      case 'leave':
        await stream.return();
        break;
      case 'cancel':
        await stream.cancel('by its program');
        break;
    }
  }

  /** Nothing when `result()` has taken all events already. */
  #readerOf(stream: TrackedStream): ReadableStreamDefaultReader<StreamEvent> | undefined {
    try {
      return stream.toReadableStream().getReader();
    } catch (error) {
      if (StreamLockedError.isInstance(error) && this.result !== undefined) return undefined;
      throw error;
    }
  }

  async #loop(end: Program['end']): Promise<StreamEvent[]> {
    const seen: StreamEvent[] = [];
    try {
      for await (const event of this.#held) {
        seen.push(event);
        if (seen.length === 3 && end === 'break') break;
        if (seen.length === 3 && end === 'throw in the loop') throw new LeftTheLoop();
      }
    } catch {
      // Its own, or a pull's answer.
    }
    return seen;
  }

  #answersFrom(from: number): StreamEvent[] {
    const answers: StreamEvent[] = [];
    for (const entry of this.trace.entries.slice(from)) {
      if (entry.do === 'pull' && entry.answer !== undefined && 'event' in entry.answer)
        answers.push(entry.answer.event);
    }
    return answers;
  }

  #sawAll(seen: readonly StreamEvent[], from: number): void {
    const pulled = this.#answersFrom(from);
    if (seen.length !== pulled.length || seen.some((event, at) => event !== pulled[at])) {
      this.trace.flaw('a loop saw other events than its pulls were answered');
    }
  }

  #sawTexts(texts: readonly string[], from: number): void {
    const pulled = this.#answersFrom(from);
    const expected = pulled.flatMap((event) => (event.type === 'text-delta' ? [event.text] : []));
    const last = pulled.at(-1);
    if (expected.length === 0 && last?.type === 'done' && last.text !== '') expected.push(last.text);
    if (!isDeepStrictEqual(texts, expected))
      this.trace.flaw('a text stream gave other texts than its pulls were answered');
  }
}
