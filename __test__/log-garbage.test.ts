/** Logs that are forgotten without being closed: the file is let go of, and what watched them with them. */
import { createRequire } from 'node:module';
import { EventLog, type EventLogOptions, setInferenceRunner } from 'car-inference';
import { afterEach, describe, expect, test } from 'vitest';
import { newEngine, REQUEST } from './support/engine';
import { collectAll, collectUntil, Traces } from './support/garbage';
import { turn } from './support/gate';
import { echo, engineOf, newPath, openLog, recordCall } from './support/log';

/** The numbers of the logs that the addon has released. */
const released = new Set<number>();
const addon = createRequire(import.meta.url)('../native/index.js');
const { releaseLog } = addon;
addon.releaseLog = (id: number) => {
  released.add(id);
  return releaseLog(id);
};

afterEach(() => {
  setInferenceRunner(null).dispose();
  released.clear();
});

/** Whether nobody has the file open: only then may it be opened with other options. Where it can, it is closed again. */
async function isFree(path: string): Promise<boolean> {
  try {
    await (await EventLog.open(path, { queueBytesMax: 1_234_567 })).close();
    return true;
  } catch {
    return false;
  }
}

/** Collects until the log is gone and its file is free, bounded by the test's timeout. */
async function collectLog(traces: Traces, path: string): Promise<void> {
  await collectUntil(
    () => traces.left.length === 0 && released.size > 0,
    () => [traces.left, [...released]],
  );
  while (!(await isFree(path))) await turn();
}

const USES: Array<[name: string, use: (log: EventLog, traces: Traces) => Promise<unknown>, options?: EventLogOptions]> =
  [
    ['was only opened', async () => {}],
    ['was asked something', (log) => log.stats()],
    ['was read half', async (log) => void (await log.calls().next())],
    [
      'has an engine that is forgotten too',
      async (log, traces) => {
        await recordCall(traces.follow('engine', engineOf(log)));
      },
    ],
    [
      'has a tail that nobody reads',
      async (log, traces) => void (await traces.follow('tail', log.tail({ from: 'start' }))),
    ],
    [
      'has a tail that was left while it waited',
      async (log, traces) => {
        const tail = traces.follow('tail', log.tail());
        const pull = tail.next();
        await turn();
        await tail.return();
        await pull;
      },
    ],
    [
      'has an observer that was ended while it waited',
      async (log) => {
        const stop = log.observe(() => {});
        await log.stats();
        await turn();
        stop();
      },
    ],
    [
      'makes checkpoints by itself',
      async () => {},
      { checkpoint: { key: new Uint8Array(32), everyMs: 1, onCheckpoint: () => {} } },
    ],
  ];

describe('a log that is forgotten', () => {
  test.each(USES)('and %s is let go of', async (_name, use, options) => {
    setInferenceRunner(echo);
    const path = newPath();
    const traces = new Traces();
    await (async () => {
      await use(traces.follow('log', await EventLog.open(path, options)), traces);
    })();
    await collectLog(traces, path);
  });

  test('with the engine that opened it is let go of, and holds what it recorded', async () => {
    setInferenceRunner(echo);
    const path = newPath();
    const traces = new Traces();
    const traceId = await (async () => recordCall(traces.follow('engine', engineOf(path))))();
    await collectLog(traces, path);
    expect(await (await openLog(path)).call(traceId)).toMatchObject({ status: 'done' });
  });

  test('in memory goes with its engine', async () => {
    setInferenceRunner(echo);
    const traces = new Traces();
    await (async () => {
      const engine = traces.follow('engine', newEngine());
      await recordCall(engine);
      traces.follow('log', engine.eventLog);
    })();
    await collectUntil(() => traces.left.length === 0 && released.size > 0);
  });

  test('after it was closed is garbage all the same', async () => {
    const path = newPath();
    const traces = new Traces();
    await (async () => {
      const log = traces.follow('log', await EventLog.open(path));
      log.observe(() => {});
      const tail = log.tail();
      const pull = tail.next();
      await log.close();
      await pull;
    })();
    await collectLog(traces, path);
  });
});

describe('a log stays for', () => {
  test('an engine that records to it', async () => {
    setInferenceRunner(echo);
    const engine = await (async () => engineOf(await EventLog.open(newPath())))();
    await collectAll();
    const traceId = await recordCall(engine);
    expect(await engine.eventLog.call(traceId)).toMatchObject({ status: 'done' });
    await engine.eventLog.close();
  });

  test('a tail that is read', async () => {
    setInferenceRunner(echo);
    const path = newPath();
    const engine = engineOf(path);
    const tail = await (async () => (await EventLog.open(path)).tail())();
    await collectAll();
    const traceId = await recordCall(engine);
    expect(await tail.next()).toMatchObject({ value: { type: 'call-start', traceId } });
    await tail.return();
    await engine.close();
  });

  test('an observer that is not ended', async () => {
    setInferenceRunner(echo);
    const path = newPath();
    const engine = engineOf(path);
    const heard = new Promise<number>((resolve) => {
      void (async () => (await EventLog.open(path)).observe((batch) => resolve(batch.length)))();
    });
    await collectAll();
    await engine.generate(REQUEST);
    expect(await heard).toBeGreaterThan(0);
    await engine.close();
  });
});
