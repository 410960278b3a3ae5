/**
 * This thread's mailbox: Rust rings once, and everything that is waiting is handed to whom it is for. One weak bell for
 * the whole thread, however many streams are idle. Never lets an error out: the caller is native.
 */

import { answered } from './asks';
import { liveCall } from './deadlines';
import { hostedRunDrained, hostedRunOver, hostRun, stopHostedRun } from './hosted-run';
import { Mail, native } from './native';
import { forgetRunner } from './runner';

/** Message fields: kind, id, payload. */
const FIELDS = 3;

/** Begins to take mail on this thread. */
export function openMailbox(): void {
  native.setMailbox(() => {
    const messages = native.takeMessages();
    for (let at = 0; at + FIELDS <= messages.length; at += FIELDS) {
      try {
        dispatch(Number(messages[at]), Number(messages[at + 1]), String(messages[at + 2]));
      } catch (error) {
        // Nothing here throws by design. If it does, it is our bug and must neither vanish nor stop the other messages.
        process.emitWarning(error instanceof Error ? error : String(error));
      }
    }
  });
}

function dispatch(kind: number, id: number, payload: string): void {
  switch (kind) {
    case Mail.RUN:
      hostRun(id, payload);
      break;
    case Mail.STOP:
      stopHostedRun(id, payload);
      break;
    case Mail.DRAINED:
      hostedRunDrained(id);
      break;
    case Mail.READY:
      liveCall(id)?.ready();
      break;
    case Mail.RUNNER_DROPPED:
      forgetRunner(id);
      break;
    case Mail.SEALED:
      liveCall(id)?.sealed();
      break;
    case Mail.OVER:
      hostedRunOver(id, payload);
      break;
    case Mail.ANSWER:
      answered(id, payload);
      break;
  }
}
