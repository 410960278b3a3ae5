/**
 * This thread's live calls, and how long the process stays for them. Their alarms never keep it alive by themselves; only
 * a consumer that waits under a timeout it asked for does, and that costs nothing per event or call: the process is asked
 * to stay only when it is about to leave.
 */

import type { Call } from './call';
import { realm } from './realm';

/** How often to look whether mail has come while nothing but the mail is waited for. */
const MAIL_WAIT_MS = 50;

/** The call of this number, while it is open. */
export function liveCall(id: number): Call | undefined {
  return realm.calls.get(id);
}

/** Keeps the call reachable until it is over. */
export function enterLive(call: Call): void {
  realm.calls.set(call.id, call);
  if (realm.stay !== undefined) return;
  realm.stay = stayForWaitingCalls;
  process.on('beforeExit', realm.stay);
}

export function leaveLive(call: Call): void {
  realm.calls.delete(call.id);
  if (realm.calls.size !== 0 || realm.mailTimer === undefined) return;
  clearTimeout(realm.mailTimer);
  realm.mailTimer = undefined;
}

function stayForWaitingCalls(): void {
  let forMail = false;
  for (const call of realm.calls.values()) {
    if (!call.keepsProcess) continue;
    if (call.clock.isRunning) call.clock.hold();
    else forMail = true;
  }
  // The bell is weak, so something has to turn the loop while the log commits or another thread answers.
  if (forMail) realm.mailTimer = setTimeout(() => {}, MAIL_WAIT_MS);
}
