// Who is measured, by name: recorders, and questions to a log that is there. `pace`: roughly how many events a second it
// records, so that slow ones get less of the same work.
import { contenders as streams } from '../contenders/index.mjs';
import { questions } from './questions.mjs';

const { floor, 'car-generator': generator, 'car-emitter': emitter } = streams;
const car = (durability) => ({ module: 'car', settings: { durability } });

export const contenders = {
  floor,
  'car-generator': generator,
  'car-generator-log': streams['car-generator-log'],
  'car-emitter': emitter,
  'car-emitter-log': streams['car-emitter-log'],
  'car-memory': { title: 'car-inference, log in memory', pace: 1_000_000, recorder: car() },
  'car-relaxed': { title: 'car-inference, relaxed', pace: 400_000, recorder: car('relaxed') },
  'car-call': { title: 'car-inference, call', pace: 400_000, recorder: car('call') },
  'car-strict': { title: 'car-inference, strict', pace: 400_000, recorder: car('strict') },
  'sqlite-hundred': {
    title: 'better-sqlite3, 100 events a transaction',
    pace: 150_000,
    recorder: { module: 'sqlite', settings: { eventsOfTransaction: 100 } },
  },
  'sqlite-single': {
    title: 'better-sqlite3, an event a transaction',
    pace: 4_000,
    recorder: { module: 'sqlite', settings: { eventsOfTransaction: 1 } },
  },
  jsonl: {
    title: 'JSON Lines, synced after 100 events',
    pace: 200_000,
    recorder: { module: 'jsonl', settings: { eventsOfSync: 100 } },
  },
  ...questions,
};
