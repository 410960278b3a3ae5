/** Compares what was seen of a program, by its consumer and in the log, with what the model says. */
import { isDeepStrictEqual } from 'node:util';
import { type CallRecord, type Completion, InferenceError, type LoggedEvent, type StreamEvent } from 'car-inference';
import { DONE, type Model, RETRIED } from './model';
import type { Program } from './program';
import { Replay } from './replay';
import { shown } from './shown';
import type { Answer, Entry } from './trace';

/** What there is to see. */
export interface Evidence {
  readonly program: Program;
  readonly entries: readonly Entry[];
  readonly turns: readonly number[];
  readonly signal: AbortSignal;
  readonly record: CallRecord | undefined;
  readonly logged: readonly LoggedEvent[];
  readonly result: { completion: Completion } | { error: unknown } | undefined;
}

/** Every difference. */
export function differences(evidence: Evidence): string[] {
  return new Check(evidence).run();
}

class Check {
  readonly #evidence: Evidence;
  readonly #model: Model;
  readonly #reasons: readonly unknown[];
  readonly #flaws: string[];

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
    const { flaws, model, reasons } = new Replay(evidence.program, evidence.entries, evidence.turns);
    this.#model = model;
    this.#reasons = reasons;
    this.#flaws = [...flaws];
  }

  run(): string[] {
    this.#checkRecord();
    this.#checkPulls();
    this.#checkResult();
    this.#checkReasons();
    return this.#flaws;
  }

  #must(holds: boolean, says: string): void {
    if (!holds) this.#flaws.push(says);
  }

  #checkRecord(): void {
    const model = this.#model;
    const { logged, record } = this.#evidence;
    if (record === undefined) {
      this.#must(!model.isRecorded, 'the log does not know the call');
      return;
    }
    this.#must(model.isRecorded, 'the log has a call that did not start');
    const code = record.status === 'done' ? 'done' : record.failure?.code;
    this.#must(code === model.ending, `it ended ${code ?? record.status} and not ${model.ending ?? 'at all'}`);
    this.#must(record.eventCount === logged.length, `it counts ${record.eventCount} events of ${logged.length}`);
    this.#checkLog();
    const { answer } = model;
    this.#must(record.text === answer.text, `the text is ${shown(record.text)} and not ${shown(answer.text)}`);
    if (!model.log.some(({ perhaps }) => perhaps)) {
      const { usage } = answer;
      this.#must(isDeepStrictEqual(record.usage, usage), `the usage is ${shown(record.usage)} and not ${shown(usage)}`);
    }
    const calls = withoutProblems(record.toolCalls ?? []);
    this.#must(isDeepStrictEqual(calls, answer.toolCalls), `the tool calls are ${shown(calls)}`);
  }

  #checkLog(): void {
    const { logged } = this.#evidence;
    const { attempt: lastAttempt, ending, log } = this.#model;
    const due = [...log];
    if (ending === 'done') due.push({ event: DONE, attempt: lastAttempt, perhaps: false });
    let at = 0;
    for (const { event, attempt, perhaps } of due) {
      const found = logged[at];
      if (found !== undefined && found.attempt === attempt && this.#isSame(event, found.event)) at += 1;
      else this.#must(perhaps, `the log has ${shown(found)} at ${at} and not ${shown(event)} of attempt ${attempt}`);
    }
    this.#must(at === logged.length, `the log has ${shown(logged[at])} at ${at}, which nobody sent`);
    this.#must(
      logged.every(({ seq }, index) => seq === index + 1),
      `the log numbers its events ${logged.map(({ seq }) => seq)}`,
    );
  }

  #checkPulls(): void {
    const offered = new Set<unknown>();
    for (const entry of this.#evidence.entries) {
      if (entry.do === 'offer' && typeof entry.offer.event === 'object') offered.add(entry.offer.event);
    }
    let number = 0;
    for (const entry of this.#evidence.entries) {
      if (entry.do !== 'pull') continue;
      number += 1;
      const { answer } = entry;
      const due = this.#model.outlet.due.get(entry);
      const what = `pull ${number} was answered ${answerShown(answer)}`;
      if (answer === undefined || due === undefined) {
        this.#must(answer === undefined && due === undefined, `${what} and should be ${shown(due)}`);
      } else if ('error' in answer) {
        this.#must(due === 'the failure', `${what} and not ${shown(due)}`);
        this.#checkError(answer.error, what);
      } else if ('over' in answer) {
        this.#must(due === 'over', `${what} and not ${shown(due)}`);
      } else {
        const isDue = typeof due === 'object' && this.#isSame(due.event, answer.event);
        this.#must(isDue, `${what} and not ${shown(due)}`);
        this.#must(!offered.has(answer.event), `${what}, the very object that its runner has`);
      }
    }
  }

  #checkResult(): void {
    const { entries, record, result } = this.#evidence;
    if (result === undefined) return;
    if ('error' in result) {
      this.#must(this.#model.ending !== 'done', `the result threw ${shown(result.error)}`);
      this.#checkError(result.error, 'the result');
      for (const entry of entries) {
        if (entry.do === 'pull' && entry.answer !== undefined && 'error' in entry.answer) {
          this.#must(entry.answer.error === result.error, 'pull and result threw different errors');
        }
      }
      return;
    }
    const { text, toolCalls, usage } = result.completion;
    const { answer, ending } = this.#model;
    this.#must(ending === 'done', `there is a result of a call that ended ${ending}`);
    this.#must(text === answer.text, `the result's text is ${shown(text)} and not ${shown(answer.text)}`);
    this.#must(
      isDeepStrictEqual(usage ?? undefined, record?.usage ?? undefined),
      `the result's usage is ${shown(usage)}`,
    );
    const calls = withoutProblems(toolCalls);
    this.#must(isDeepStrictEqual(calls, answer.toolCalls), `the result's tool calls are ${shown(calls)}`);
  }

  #checkError(error: unknown, where: string): void {
    const { decisive, ending, stoppedBy, answer } = this.#model;
    const { signal } = this.#evidence;
    if (stoppedBy === 'abort') {
      this.#must(error === signal.reason, `${where} and not with the reason of the abort`);
      return;
    }
    if (!(error instanceof InferenceError)) {
      this.#flaws.push(`${where}: ${shown(error)} is not one of ours`);
      return;
    }
    this.#must(error.code === ending, `${where} with ${error.code} and not ${ending}`);
    if (this.#evidence.record !== undefined) {
      this.#must((error.text ?? '') === answer.text, `${where} with the text ${shown(error.text)}`);
    }
    if (ending === 'runner-failed' || ending === 'runner-declined') {
      this.#must(error.cause === decisive?.thrown, `${where} with a cause that the runner did not throw`);
    }
    if (stoppedBy === 'cancel') this.#must(error.cause === 'by its program', `${where} without the reason`);
  }

  #checkReasons(): void {
    const { ending, stoppedBy } = this.#model;
    if (ending === 'done') return;
    for (const reason of this.#reasons) {
      const isDue =
        stoppedBy === 'abort'
          ? reason === this.#evidence.signal.reason
          : reason instanceof InferenceError && reason.code === ending;
      this.#must(isDue, `its runner was told ${shown(reason)}`);
    }
  }

  #isSame(due: StreamEvent, event: StreamEvent | undefined): boolean {
    if (due === RETRIED) return event?.type === 'warning' && event.code === 'retried';
    if (due !== DONE) return isDeepStrictEqual(event, due);
    const { text, toolCalls } = this.#model.answer;
    return (
      event?.type === 'done' && event.text === text && isDeepStrictEqual(withoutProblems(event.toolCalls), toolCalls)
    );
  }
}

/** What is wrong with arguments is told in words that are not the model's business. */
function withoutProblems(calls: Completion['toolCalls']): unknown[] {
  return calls.map(({ argumentsError: _error, ...call }) => call);
}

function answerShown(answer: Answer | undefined): string {
  if (answer === undefined) return 'never';
  return 'error' in answer ? `by ${shown(answer.error)}` : shown('over' in answer ? 'over' : answer.event);
}
