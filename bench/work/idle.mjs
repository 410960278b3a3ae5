// Streams that have delivered one event and wait for the next, which never comes. Their consumers are loops.
async function consume(events, onEvent) {
  for await (const _event of events) onEvent();
}

/** Resolves when all are idle. The caller holds the loops, and with them the streams. */
export async function openIdle(streams, open) {
  const loops = [];
  await new Promise((resolve) => {
    let silent = 0;
    const onEvent = () => {
      silent += 1;
      if (silent === streams) setImmediate(resolve);
    };
    for (let stream = 0; stream < streams; stream += 1) loops.push(consume(open(), onEvent));
    if (streams === 0) resolve();
  });
  return loops;
}
