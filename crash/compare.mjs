// What a log that was opened again holds, beside what had to come and what had been seen. Says what differs, for people.
import { digest, eventsOf, referenceOf, returnedText, scriptOf } from './script.mjs';

/** @typedef {{ seed: number, size: 'small' | 'large', durability: string }} Series */

/**
 * @param {import('car-inference').EventLog} log
 * @param {Series} series
 * @param {import('./told.mjs').Told} told
 * @param {Map<string, string>} kept what was found the last time, by trace id; is brought up to date
 * @returns {Promise<{ problems: string[], calls: number, interrupted: number }>}
 */
export async function compare(log, series, told, kept) {
  const problems = [];
  const found = new Map();
  const numbers = new Map(Array.from(told.calls, ([number, { traceId }]) => [traceId, number]));
  let interrupted = 0;
  for await (const record of log.calls({ limit: Number.MAX_SAFE_INTEGER })) {
    const events = await Array.fromAsync(log.events(record.traceId));
    // What is erased has no reference any more.
    const number =
      record.erasedAt === undefined ? Number(record.clientRef?.split(':')[1]) : numbers.get(record.traceId);
    const wrong = (what) => problems.push(`call ${number} (${record.status}): ${what}`);
    if (found.has(number)) wrong('is there twice');
    found.set(number, record);
    if (record.status === 'interrupted') interrupted += 1;
    const seen = told.calls.get(number);
    if (record.erasedAt !== undefined) {
      for (const problem of problemsOfErased(series, seen, record, events)) wrong(problem);
      kept.delete(record.traceId);
      continue;
    }
    if (record.clientRef !== referenceOf(series.seed, number)) wrong(`is of nobody: ${record.clientRef}`);
    for (const problem of problemsOfContent(series, number, record, events)) wrong(problem);
    if (seen?.erasure === 'erased') wrong('was erased and is there again');
    if (seen !== undefined) for (const problem of problemsOfSeen(series, seen, record, events)) wrong(problem);
    const whole = digest([record, events]);
    if ((kept.get(record.traceId) ?? whole) !== whole) wrong('is not what it was when it was read before');
    kept.set(record.traceId, whole);
  }
  for (const [number, seen] of told.calls) {
    if (found.has(number)) continue;
    if (kept.has(seen.traceId)) problems.push(`call ${number}: was there and is gone`);
    else if (series.durability === 'event') problems.push(`call ${number}: its events were delivered, it is not there`);
    else if (series.durability !== 'relaxed' && isAcknowledged(seen)) {
      problems.push(`call ${number}: its ending was delivered, it is not there`);
    }
  }
  const report = await log.verify();
  if (!report.ok) problems.push(`verify: ${JSON.stringify(report.problem)}`);
  return { problems, calls: found.size, interrupted };
}

function* problemsOfErased({ durability }, seen, record, events) {
  if (seen === undefined || seen.erasure === 'none') yield 'was erased by nobody';
  // One that was erased while it was open may have been killed before its ending was written.
  const mayBeCut = durability === 'relaxed' && record.status === 'interrupted';
  if (seen?.ended !== undefined && seen.ended.status !== record.status && !mayBeCut)
    yield `ended as ${seen.ended.status}`;
  if (record.text !== undefined || record.request !== undefined || events.length > 0)
    yield 'was erased and still says something';
}

function isAcknowledged({ done, ended }) {
  return done || ended !== undefined;
}

/** Against what the runner was to do, whoever saw it. */
function* problemsOfContent({ seed, size }, number, record, events) {
  const script = scriptOf(seed, number, size);
  if (record.status === 'open') yield 'is open although its process is gone';
  if (record.eventCount !== events.length) yield `counts ${record.eventCount} events and has ${events.length}`;
  for (const [index, { seq, at, attempt }] of events.entries()) {
    const before = events[index - 1];
    if (seq !== index + 1) yield `event ${index + 1} has the number ${seq}`;
    if (before !== undefined && (at < before.at || attempt < before.attempt))
      yield `event ${seq} is older than the one before`;
  }
  const last = events.at(-1)?.attempt ?? 1;
  const isDone = record.status === 'done';
  const streamed = events.filter(({ event }) => event.type !== 'done' && event.code !== 'retried');
  for (let attempt = 1; attempt <= last; attempt += 1) {
    const expected = eventsOf(script, number, attempt);
    const got = streamed.filter((event) => event.attempt === attempt);
    const differs = got.findIndex(({ event }, index) => digest(event) !== digest(expected[index] ?? null));
    if (differs >= 0) yield `attempt ${attempt}: its event ${differs + 1} is ${shown(got[differs].event)}`;
    const isWhole = isDone && attempt === last;
    if (isWhole && got.length !== expected.length)
      yield `${got.length} of the answer's ${expected.length} events are there`;
  }
  const text = streamed
    .filter(({ attempt, event }) => attempt === last && event.type === 'text-delta')
    .map(({ event }) => event.text)
    .join('');
  const whole = isDone && script.kind === 'returns' ? returnedText(script, number) : text;
  if (record.text !== whole) yield `its text is ${shown(record.text)}, its events say ${shown(whole)}`;
  if ((events.at(-1)?.event.type === 'done') !== isDone) yield 'ends otherwise than its events do';
  if (record.status === 'interrupted' && record.failure !== undefined) yield 'has a failure that nobody had';
}

/** Against what a consumer got. */
function* problemsOfSeen({ durability }, seen, record, events) {
  if (seen.traceId !== record.traceId) yield `has the trace id ${record.traceId}, its consumer knew ${seen.traceId}`;
  const got = events.map(({ event }) => digest(event));
  const differs = got.slice(0, seen.events.length).findIndex((event, index) => event !== seen.events[index]);
  if (differs >= 0) yield `its event ${differs + 1} is another than was delivered`;
  const mustHold = durability === 'event' || (durability !== 'relaxed' && isAcknowledged(seen));
  if (mustHold && got.length < seen.events.length)
    yield `${seen.events.length} events were delivered, ${got.length} are there`;
  const { status } = record;
  if (status === 'interrupted') {
    if (durability !== 'relaxed' && isAcknowledged(seen)) yield 'its ending was delivered';
    return;
  }
  if (seen.done && status !== 'done') yield 'its consumer saw it done';
  if (seen.ended === undefined) return;
  const { text, toolCalls, usage, stopReason, failure } = record;
  const ended =
    status === 'done'
      ? { status, text: digest(text), toolCalls, usage, stopReason }
      : { status, text: digest(text), code: failure?.code };
  if (digest(ended) !== digest(seen.ended)) {
    yield `ended as ${JSON.stringify(ended)}, its consumer saw ${JSON.stringify(seen.ended)}`;
  }
}

function shown(value) {
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 120 ? `${json.slice(0, 100)}… (${json.length} characters)` : json;
}
