// One busy stream among idle ones. Each of its events is woken by a message: libuv then looks at every handle that could
// have called, and whatever an open stream adds to that shows here. The message comes from this thread, so that no other
// thread's sleep is measured.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { MessageChannel } from 'node:worker_threads';
import { createContender } from '../contenders/load.mjs';
import { quantile } from '../statistics.mjs';
import { paced, silence } from '../work/answer.mjs';
import { cpuTime } from '../work/cpu-time.mjs';
import { openIdle } from '../work/idle.mjs';

const resolution_ms = 1;

/**
 * @returns a function that sends a message and resolves when it has come. Sent only after the poll: a port that is sent a
 *   message while it takes one takes it in the same wake.
 */
function createWake() {
  const { port1, port2 } = new MessageChannel();
  let awake;
  const send = () => port1.postMessage(undefined);
  port2.on('message', () => awake());
  return () =>
    new Promise((resolve) => {
      awake = resolve;
      setImmediate(send);
    });
}

async function gapsBetween(events) {
  const gaps = [];
  let last = performance.now();
  for await (const _event of events) {
    const now = performance.now();
    gaps.push((now - last) * 1000);
    last = now;
  }
  return gaps.toSorted((a, b) => a - b);
}

/**
 * @returns for each event of the busy stream: `mainThread` in microseconds of CPU, `p50` and `p99` of its gap to the one
 *   before in microseconds; `loopDelayP99`: how late a timer is, in milliseconds.
 */
export async function measure(contender, { idleStreams, events }) {
  const held = [];
  const wake = createWake();
  const { open } = await createContender(contender, {
    warmUp: paced(Math.ceil(events / 4), wake),
    busy: paced(events, wake),
    idle: silence(held),
  });
  const idle = await openIdle(idleStreams, () => open('idle'));
  gc();
  await gapsBetween(open('warmUp'));

  const delay = monitorEventLoopDelay({ resolution: resolution_ms });
  delay.enable();
  const elapsed = cpuTime();
  const gaps = await gapsBetween(open('busy'));
  const { thisThread } = elapsed();
  delay.disable();
  if (idle.length !== idleStreams || held.length < idleStreams) throw new Error('the streams are not idle');
  if (gaps.length < events) throw new Error(`only ${gaps.length} events arrived`);
  return {
    mainThread: thisThread / events,
    p50: quantile(gaps, 0.5),
    p99: quantile(gaps, 0.99),
    loopDelayP99: delay.percentile(99) / 1e6 - resolution_ms,
  };
}
