// What the process holds at one moment, after the garbage has been collected.
import { readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';

/** Collects garbage, and lets what depends on it happen: finalizers run in a later turn, and free more. */
export async function collectGarbage() {
  for (let round = 0; round < 2; round += 1) {
    globalThis.gc();
    await turn();
  }
}

/** The process's threads, or undefined where the system does not tell. */
export function threadCount() {
  try {
    return Number(/^Threads:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  } catch {
    return undefined;
  }
}

export function handleCount() {
  return process.getActiveResourcesInfo().length;
}

/** @param {import('./load.mjs').Load} load */
export async function takeSample(load, startedAt) {
  await collectGarbage();
  await load.forgotten.look();
  const { rss, heapUsed, external } = process.memoryUsage();
  return {
    atMs: performance.now() - startedAt,
    ...{ rss, heapUsed, external },
    handles: handleCount(),
    threads: threadCount(),
    openCalls: await load.openCalls(),
    calls: load.tally.ended,
    events: load.tally.events,
    statuses: load.tally.byStatus(),
  };
}
