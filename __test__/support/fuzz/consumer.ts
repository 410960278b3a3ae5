/** Runs a program's consumer side, and compares what it saw with the model and the log. */
import { isDeepStrictEqual } from 'node:util';
import { type Completion, InferenceError, type StreamEvent, type TrackedStream } from 'car-inference';
import { loggedEvents } from '../collect';
import { turn } from '../gate';
import { Model, shown } from './model';
import type { ConsumerStep, Program } from './program';
import { rest } from './runner';
import type { Entry } from './trace';
import type { World } from './world';

class LeftTheLoop extends Error {}

export class ProgramConsumer {
  readonly trace: Entry[] = [];
  readonly #world: World;
  readonly #program: Program;
  readonly #tag: string;
  readonly #controller = new AbortController();
  #stream: TrackedStream | undefined;
  readonly #seen: StreamEvent[] = [];
  readonly #errors: unknown[] = [];
  readonly #flaws: string[] = [];
  #endings = 0;
  /** A pull has answered that there is nothing more. */
  #isOver = false;
  /** It does not want to hear of an ending any more. */
  #left = false;
  #detached = false;
  #started = false;
  /** Why it has not seen all events: it asked for the result long before it began to pull. */
  #skips = false;
  #pulled = false;
  #texts: string | undefined;
  #result: Promise<{ completion?: Completion; error?: unknown }> | undefined;
  #waiting: Promise<unknown>[] = [];

  constructor(world: World, program: Program, tag: string) {
    this.#world = world;
    this.#program = program;
    this.#tag = tag;
    const { attemptsMax, bufferedEventsMax, unawaitedEventsMax } = program;
    if (program.abortedBefore) this.#abort('before');
    this.#stream = world.engine.generateTrackedStream(world.request(tag), {
      signal: this.#controller.signal,
      limits: { bufferedEventsMax, ...(unawaitedEventsMax !== undefined && { unawaitedEventsMax }) },
      retry: { attemptsMax, backoffMs: 0 },
    });
  }

  /** Somebody closed the engine under all of its calls. */
  engineClosed(): void {
    if (this.#started) this.trace.push({ do: 'stop', by: 'engine' });
  }

  async run(): Promise<void> {
    for (const step of this.#program.consumer) {
      this.#perform(step.do);
      await rest(step.pause);
    }
    await this.#finish();
  }

  get #held(): TrackedStream {
    return this.#stream as TrackedStream;
  }

  #start(): void {
    if (this.#started) return;
    this.#started = true;
    const refused = this.#controller.signal.aborted
      ? 'aborted'
      : this.#world.isClosed
        ? 'engine-closed'
        : this.#world.hasRunner
          ? undefined
          : 'no-runner';
    this.trace.push({ do: 'start', ...(refused && { refused }) });
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
      case 'pull and wait':
        this.#pull();
        break;
      case 'read its facts':
        if (typeof stream.traceId !== 'string' || typeof stream.modelUsed !== 'string') this.#flaw('no facts');
        break;
      case 'ask for the result':
        this.#askForResult();
        break;
      case 'cancel':
        this.#stop('cancel');
        this.#wait(stream.cancel('by its program'));
        break;
      case 'abort':
        this.#abort('by its program');
        break;
      case 'return':
        this.#leave();
        this.#wait(stream.return());
        break;
      case 'throw': {
        this.#leave();
        const error = new LeftTheLoop();
        this.#wait(
          stream.throw(error).then(
            () => this.#flaw('throw resolved'),
            (thrown) => thrown === error || this.#flaw('throw threw something else'),
          ),
        );
        break;
      }
      case 'dispose':
        this.#leave();
        this.#wait(stream[Symbol.asyncDispose]());
        break;
      case 'detach':
        this.#start();
        this.#left = true;
        this.#detached = true;
        stream.detach();
        break;
      case 'collect garbage':
        this.#world.collectGarbage();
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

  #flaw(says: string): void {
    this.#flaws.push(says);
  }

  #wait(promise: Promise<unknown>): void {
    this.#waiting.push(promise);
  }

  #stop(by: 'cancel' | 'leave' | 'abort'): void {
    this.trace.push({ do: 'stop', by });
    // What was never started is over at once.
    if (by !== 'abort') this.#started = true;
  }

  #leave(): void {
    this.#left = true;
    if (!this.#detached) this.#stop('leave');
  }

  #abort(reason: string): void {
    if (this.#controller.signal.aborted) return;
    this.#stop('abort');
    this.#controller.abort(reason);
  }

  #pull(): Promise<boolean> {
    this.#pulled = true;
    this.#start();
    const answer = this.#held.next().then(
      ({ done, value }) => {
        if (done) {
          this.#isOver = true;
          return false;
        }
        if (this.#endings > 0) this.#flaw(`${shown(value)} came after the ending`);
        this.#see(value as StreamEvent);
        return true;
      },
      (error) => {
        this.#fail(error);
        return false;
      },
    );
    this.#wait(answer);
    return answer;
  }

  #see(event: StreamEvent): void {
    this.#seen.push(event);
    if (event.type === 'done') this.#endings += 1;
  }

  #fail(error: unknown): void {
    this.#endings += 1;
    this.#errors.push(error);
  }

  #askForResult(): void {
    if (this.#result !== undefined) return;
    // It starts the call once the consumer's own turn is through: just after this.
    queueMicrotask(() => {
      this.#start();
      if (!this.#pulled) this.#skips = true;
    });
    this.#result = this.#held.result().then(
      (completion) => ({ completion }),
      (error) => ({ error }),
    );
    this.#wait(this.#result);
  }

  async #finish(): Promise<void> {
    const hangs = this.#program.runner.attempts.some((steps) => steps.some(({ do: what }) => what === 'hang'));
    const { end } = this.#program;
    if (end === 'drop it') {
      // A pull that nobody answers is held by its promise, and so is what waits here.
      this.trace.push({ do: 'stop', by: 'drop' });
      this.#left = true;
      this.#stream = undefined;
      if (this.#started) await this.#world.untilOver(this.#tag, () => hangs && this.#abort('at last'));
    } else {
      if (hangs && this.#started && !this.#isOver) {
        // What hangs is not to be waited for.
        for (let n = 0; n < 3; n += 1) await turn();
        this.#abort('at last');
      } else if (hangs) {
        this.#abort('at last');
      }
      await this.#end(end);
      // Whatever it did, what comes now is the end.
      for (let pulls = 0; !this.#isOver; pulls += 1) {
        if (pulls > 1_000) throw this.#wrong('the stream does not end');
        await this.#pull();
      }
      const again = await this.#held.next().catch((error) => ({ error }));
      if (!isDeepStrictEqual(again, { done: true, value: undefined })) this.#flaw('a pull after the end answered');
    }
    await Promise.all(this.#waiting);
    // What the runner does late.
    for (let n = 0; n < 4; n += 1) await turn();
  }

  async #end(end: Program['end']): Promise<void> {
    const stream = this.#held;
    switch (end) {
      case 'loop':
      case 'break':
      case 'throw in the loop':
        await this.#loop(end);
        break;
      case 'text stream':
      case 'part of the text stream': {
        this.#start();
        this.#pulled = true;
        this.#texts = '';
        this.#left = true;
        let count = 0;
        try {
          for await (const text of stream.textStream) {
            this.#texts += text;
            count += 1;
            if (end === 'part of the text stream' && count === 2) {
              this.#leave();
              break;
            }
          }
        } catch (error) {
          this.#fail(error);
        }
        break;
      }
      case 'readable':
      case 'part of the readable': {
        const reader = stream.toReadableStream().getReader();
        this.#pulled = true;
        // A web stream pulls at once only when it has been set up, which takes it some microtasks.
        await new Promise((resolve) => setImmediate(resolve));
        for (let count = 0; ; count += 1) {
          if (end === 'part of the readable' && count === 2) {
            this.#stop('cancel');
            await reader.cancel('by its program');
            break;
          }
          this.#start();
          const answer = await reader.read().catch((error) => ({ error }));
          if ('error' in answer) this.#fail(answer.error);
          else if (answer.done) this.#isOver = true;
          else this.#see(answer.value as StreamEvent);
          if ('error' in answer || answer.done) break;
        }
        break;
      }
      case 'ask for the result':
        this.#askForResult();
        await this.#result;
        break;
      case 'leave':
        this.#leave();
        await stream.return();
        break;
      case 'cancel':
        this.#stop('cancel');
        await stream.cancel('by its program');
        break;
    }
  }

  async #loop(end: Program['end']): Promise<void> {
    this.#start();
    this.#pulled = true;
    let count = 0;
    try {
      for await (const event of this.#held) {
        this.#see(event);
        count += 1;
        if (count === 3 && end !== 'loop') this.#leave();
        if (count === 3 && end === 'break') return;
        if (count === 3 && end === 'throw in the loop') throw new LeftTheLoop();
      }
    } catch (error) {
      if (!(error instanceof LeftTheLoop)) this.#fail(error);
    }
    this.#isOver ||= end === 'loop';
  }

  /** Compares all that was seen. Throws with everything that is needed to look into it. */
  async check(): Promise<void> {
    const { engine } = this.#world;
    const [record] = await this.#world.recordsOf(this.#tag);
    if (record?.status === 'open') throw this.#wrong('the log has the call open');
    const { attemptsMax, bufferedEventsMax, unawaitedEventsMax } = this.#program;
    const model = new Model({
      attemptsMax,
      overrunFrom: bufferedEventsMax + (unawaitedEventsMax ?? 16_384),
      racing: this.#world.isRacing,
      status: record?.status,
      failureCode: record?.failure?.code,
    }).replay(this.trace);
    const flaws = [...this.#flaws, ...model.flaws];
    const check = (holds: boolean, says: string) => holds || flaws.push(says);

    const logged = record === undefined ? [] : await loggedEvents(engine, { traceId: record.traceId } as TrackedStream);
    const code = record === undefined ? undefined : record.status === 'done' ? 'done' : record.failure?.code;
    if (record !== undefined) {
      check(model.recorded, 'the log has a call that did not start');
      check(
        code === model.ending || (code !== undefined && model.rivals.has(code)),
        `it ended ${code} and not ${model.ending ?? 'at all'}`,
      );
      const events = logged.filter(({ type }) => type !== 'done');
      check(logged.length - events.length === (code === 'done' ? 1 : 0), 'done is not the ending in the log');
      const wrong = model.compareLog(events);
      if (wrong !== undefined) flaws.push(wrong);
      check(record.eventCount === logged.length, `it counts ${record.eventCount} events of ${logged.length}`);
      if (code === 'done' && model.ending === 'done') {
        check(record.text === model.text, `the text is ${shown(record.text)} and not ${shown(model.text)}`);
        check(isDeepStrictEqual(record.usage, model.usage), `the usage is ${shown(record.usage)}`);
        const calls = record.toolCalls?.map(({ argumentsError: _error, ...call }) => call);
        check(isDeepStrictEqual(calls ?? [], model.toolCalls), `the tool calls are ${shown(calls)}`);
      }
    } else {
      check(!model.recorded, 'the log does not know the call');
    }

    check(
      this.#skips || this.#texts !== undefined
        ? isSubsequence(this.#seen, logged)
        : isDeepStrictEqual(this.#seen, logged.slice(0, this.#seen.length)),
      `it saw ${shown(this.#seen)} of ${shown(logged)}`,
    );
    if (!this.#left) {
      check(this.#endings === 1 || this.#skips, `it saw ${this.#endings} endings`);
      const cancelled = code === 'cancelled' || code === undefined;
      if (!this.#skips && !cancelled && this.#texts === undefined) {
        check(this.#seen.length >= model.delivered, `it saw only ${this.#seen.length} of ${shown(logged)}`);
      }
    }
    check(this.#endings <= 1, `it saw ${this.#endings} endings`);
    if (this.#texts !== undefined && !this.#skips) {
      const texts = logged.map((event) => (event.type === 'text-delta' ? event.text : '')).join('');
      check((texts || record?.text || '').includes(this.#texts), `it read the text ${shown(this.#texts)}`);
    }
    for (const error of this.#errors) this.#checkError(error, code ?? model.ending, check);
    if (this.#result !== undefined) {
      const { completion, error } = await this.#result;
      if (completion === undefined) {
        this.#checkError(error, code ?? model.ending, check);
        if (this.#errors.length > 0) check(this.#errors[0] === error, 'pull and result threw different errors');
      } else {
        check(code === 'done', 'the result of a call that failed');
        check(completion.text === record?.text, 'the result has another text than the log');
        const [last] = this.#seen.slice(-1);
        if (last?.type === 'done') {
          check(last.text === completion.text, 'the result has another text than done');
          check(isDeepStrictEqual(last.toolCalls, completion.toolCalls), 'the result has other calls than done');
        }
      }
    }
    if (flaws.length > 0) throw this.#wrong(flaws.join('\n'));
  }

  #checkError(error: unknown, code: string | undefined, check: (holds: boolean, says: string) => unknown): void {
    if (this.#controller.signal.aborted && error === this.#controller.signal.reason) return;
    check(error instanceof InferenceError && error.code === code, `it caught ${String(error)} and not ${code}`);
  }

  #wrong(says: string): Error {
    const trace = this.trace.map((entry) => `  ${shown(entry)}`).join('\n');
    return new Error(`${says}\nin ${shown(this.#program).slice(0, 4_000)}\nwhich went\n${trace}`);
  }
}

function isSubsequence(part: readonly StreamEvent[], whole: readonly StreamEvent[]): boolean {
  let at = 0;
  for (const event of whole) if (at < part.length && isDeepStrictEqual(part[at], event)) at += 1;
  return at === part.length;
}
