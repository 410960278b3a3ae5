/**
 * This thread's live calls, and how long the process stays for them. Their alarms never keep it alive by themselves; only
 * a consumer that waits under a timeout it asked for does, and that costs nothing per event or call: the process is asked
 * to stay only when it is about to leave.
 */

import { outsideCalls } from './async-scope';
import type { Call } from './call';
import { clearInterval, setInterval } from './clock';
import { realm } from './realm';

/** How often to look whether somebody still waits while nothing but the mail keeps the process. */
const MAIL_WAIT_MS = 50;

/** The call of this number, while it is open. */
export function liveCall(id: number): Call | undefined {
  return realm.calls.get(id);
}

/** Keeps the call reachable until it is over. */
export function enterLive(call: Call): void {
  realm.calls.set(call.id, call);
  stayWhenNeeded();
}

export function leaveLive(call: Call): void {
  realm.calls.delete(call.id);
  if (realm.calls.size === 0 && realm.asks.size === 0) stopWaitingForMail();
}

/** Has the process asked to stay, when it is about to leave and somebody waits. */
export function stayWhenNeeded(): void {
  if (realm.stay !== undefined) return;
  realm.stay = stayForWaitingCalls;
  process.on('beforeExit', realm.stay);
}

function stayForWaitingCalls(): void {
  for (const call of realm.calls.values()) {
    if (call.keepsProcess && call.clock.isRunning) call.clock.hold();
  }
  // The bell is weak, so something has to keep the loop while the log commits or another thread answers. It repeats,
  // because a loop that ran empty each time would have the process announce its exit to the host each time.
  if (isMailAwaited()) realm.mailTimer ??= outsideCalls(() => setInterval(lookForWaitingCalls, MAIL_WAIT_MS));
}

function lookForWaitingCalls(): void {
  if (!isMailAwaited()) stopWaitingForMail();
}

/** Whether somebody waits for what only the mail can bring. */
function isMailAwaited(): boolean {
  for (const call of realm.calls.values()) {
    if (call.keepsProcess && !call.clock.isRunning) return true;
  }
  for (const ask of realm.asks.values()) {
    if (ask.keepsProcess) return true;
  }
  return false;
}

function stopWaitingForMail(): void {
  clearInterval(realm.mailTimer);
  realm.mailTimer = undefined;
}
