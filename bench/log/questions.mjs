// What a log of many calls is asked. The names are those of crates/car-inference/examples/generate-log.rs, where what is rare
// is among the oldest calls: a list of the newest has to find it without looking at all that is newer.
const everyone = {};

async function all(items) {
  const found = [];
  for await (const item of items) found.push(item);
  return found;
}

async function newest(log, limit) {
  return all(log.calls({ limit }));
}

/** The call in the middle of the log's time, for questions about one. */
async function middle(log) {
  const { oldestAt, newestAt } = await log.stats();
  const [call] = await all(log.calls({ until: (oldestAt + newestAt) / 2 + 1, limit: 1 }));
  return call;
}

/** Lists the newest 50 of a filter. `of`: a filter that is known only once the log is. `least`: how many have to come. */
function list(title, filter, { of, least = 50, needsTextIndex = false } = {}) {
  const ask = (log, wanted) => all(log.calls({ ...wanted, limit: 50 }));
  return { title: `newest 50, ${title}`, isList: true, needsTextIndex, least, of: of ?? (() => filter), ask };
}

/** Asks of one call. */
function one(title, ask) {
  return { title, least: 1, of: middle, ask };
}

export const questions = {
  'list-all': list('all', everyone),
  'list-model': list('model', { model: 'model-small' }),
  'list-model-rare': list('rare model', { model: 'model-rare' }, { least: 1 }),
  'list-status': list('status', { status: 'failed' }),
  'list-status-rare': list('rare status', { status: 'timeout' }, { least: 1 }),
  'list-tag': list('tag', { tags: ['left'] }),
  'list-tag-rare': list('rare tag', { tags: ['rare'] }, { least: 1 }),
  'list-conversation': list('conversationId', undefined, {
    of: async (log) => ({ conversationId: (await middle(log)).conversationId }),
    least: 1,
  }),
  'list-parent': list('parentTraceId', undefined, {
    of: async (log) => {
      const calls = await newest(log, 20);
      return { parentTraceId: calls.find(({ parentTraceId }) => parentTraceId !== undefined).parentTraceId };
    },
    least: 1,
  }),
  'list-client-ref': list('clientRef', undefined, {
    of: async (log) => ({ clientRef: (await middle(log)).clientRef }),
    least: 1,
  }),
  'list-since-until': list('since and until', undefined, {
    of: async (log) => {
      const { oldestAt, newestAt } = await log.stats();
      const length = newestAt - oldestAt;
      return { since: oldestAt + length / 4, until: oldestAt + length / 2 };
    },
  }),
  'list-cursor': list('cursor in the middle', undefined, {
    of: async (log) => ({ cursor: (await middle(log)).cursor }),
  }),
  'list-text': list('text, common word', { text: 'answer' }, { needsTextIndex: true }),
  'list-text-rare': list('text, rare word', { text: 'zanzibar' }, { needsTextIndex: true, least: 1 }),
  'list-text-phrase': list('text, phrase', { text: '"river stone"' }, { needsTextIndex: true, least: 1 }),
  'list-model-status': list(
    'model and status that are rarely together',
    { model: 'model-broken', status: 'done' },
    { least: 1 },
  ),
  'list-two-tags': list('two tags that are rarely together', { tags: ['left', 'right'] }, { least: 1 }),
  'list-tag-status': list(
    'tag and status that are rarely together',
    { tags: ['production'], status: 'timeout' },
    { least: 1 },
  ),
  'list-tag-model': list(
    'tag and model that are rarely together',
    { tags: ['production'], model: 'model-rare' },
    { least: 1 },
  ),
  'list-text-model': list(
    'text and model that are rarely together',
    { text: 'answer', model: 'model-rare' },
    { needsTextIndex: true, least: 1 },
  ),
  call: one('one call', async (log, { traceId }) => [await log.call(traceId)]),
  'call-events': one("one call's events", (log, { traceId }) => all(log.events(traceId))),
  stats: { title: 'stats', least: 1, of: () => undefined, ask: async (log) => [await log.stats()] },
  'open-write': { title: 'open, to write', opens: 'write' },
  'open-read': { title: 'open, to read', opens: 'read' },
  'open-new': { title: 'open a new log', opens: 'new' },
  'verify-all': { title: 'everything' },
};
