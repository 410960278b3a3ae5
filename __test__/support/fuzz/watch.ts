/**
 * Writes down what a consumer does with its stream, whoever does it for the consumer: a `for await`, the text stream, a
 * web stream. They all come through the stream's own methods and its loop's, which are watched where they are looked up.
 */
import type { StreamEvent, TrackedStream } from 'car-inference';
import { TrackedStream as Tracked } from 'car-inference';
import type { Answer, Entry, Pulled, Stopper, Stopping, Trace } from './trace';
import { currentTurn } from './turns';

type Result = IteratorResult<StreamEvent, void>;
type Standing<What extends Entry['do']> = Extract<Entry, { do: What }>;

const real = Tracked.prototype;

/** What is watched must not keep the stream: it may be dropped. */
export function watch(stream: TrackedStream, trace: Trace): void {
  async function stop<T>(by: Stopper, call: () => Promise<T>): Promise<T> {
    const entry = trace.addStanding<Stopping>({ do: 'stop', by });
    try {
      return await call();
    } finally {
      trace.addStanding<Standing<'stopped'>>({ do: 'stopped', stop: entry });
    }
  }
  function pull(call: () => Promise<Result>): Promise<Result> {
    const entry = trace.addStanding<Pulled>({ do: 'pull' });
    const answer = call();
    const answered = (what: Answer) => {
      entry.answer = what;
      entry.answeredTurn = currentTurn();
    };
    answer.then(
      ({ done, value }) => answered(done ? { over: true } : { event: value as StreamEvent }),
      (error: unknown) => answered({ error }),
    );
    return answer;
  }
  let isAsked = false;
  Object.assign(stream, {
    next(this: TrackedStream): Promise<Result> {
      return pull(() => real.next.call(this));
    },
    [Symbol.asyncIterator](this: TrackedStream) {
      const loop = real[Symbol.asyncIterator].call(this);
      const { next } = loop;
      return Object.assign(loop, { next: () => pull(() => next.call(loop)) });
    },
    return(this: TrackedStream, value?: undefined): Promise<Result> {
      return stop('leave', () => real.return.call(this, value));
    },
    throw(this: TrackedStream, error: unknown): Promise<Result> {
      return stop('leave', () => real.throw.call(this, error));
    },
    [Symbol.asyncDispose](this: TrackedStream): Promise<void> {
      return stop('leave', () => real[Symbol.asyncDispose].call(this));
    },
    cancel(this: TrackedStream, reason: unknown): Promise<void> {
      return stop('cancel', () => real.cancel.call(this, reason));
    },
    detach(this: TrackedStream): void {
      trace.addStanding<Standing<'detach'>>({ do: 'detach' });
      real.detach.call(this);
    },
    result(this: TrackedStream) {
      // The call learns of it once the consumer's own turn is through: just after this.
      if (!isAsked) trace.add({ do: 'accept' });
      if (!isAsked) queueMicrotask(() => trace.addStanding<Standing<'demand'>>({ do: 'demand' }));
      isAsked = true;
      return real.result.call(this);
    },
    toReadableStream(this: TrackedStream): ReadableStream<StreamEvent> {
      trace.add({ do: 'claim' });
      return real.toReadableStream.call(this);
    },
  });
}
