// What idle streams hold: handles of the event loop, objects of the heap.
import { once } from 'node:events';
import { queryObjects } from 'node:v8';

/** The loop's handles. Not its timers: Node needs one for all of its own, and V8 comes and goes with others. */
function handles() {
  process.report.excludeNetwork = true;
  return process.report.getReport().libuv.filter(({ type }) => type !== 'timer' && type !== 'loop').length;
}

function take() {
  return {
    'libuv handles': handles(),
    'active resources': process.getActiveResourcesInfo().length,
    // Functions and promises are among them. V8 collects garbage several times for each answer: one question is enough.
    objects: queryObjects(Object, { format: 'count' }),
  };
}

const loops = [];

async function consume(events, onEvent) {
  for await (const _event of events) onEvent();
}

/** Opens streams and resolves when each has delivered its one event. */
export async function openIdle(open, streams) {
  await new Promise((resolve) => {
    let idle = 0;
    const onEvent = () => {
      idle += 1;
      if (idle === streams) setImmediate(resolve);
    };
    for (let stream = 0; stream < streams; stream += 1) loops.push(consume(open(), onEvent));
  });
}

/**
 * @returns what each of so many idle streams holds in this thread; `add` opens them. Whole numbers: a few
 *   objects that all share are of no stream.
 */
export async function census(streams, add) {
  const before = take();
  await add();
  const after = take();
  const each = Object.keys(after).map((name) => [name, Math.round((after[name] - before[name]) / streams)]);
  return Object.fromEntries(each.filter(([, value]) => value !== 0));
}

/** The answer to one message on a port. */
export async function ask(port, message) {
  port.postMessage(message);
  const [answer] = await once(port, 'message');
  return answer;
}
