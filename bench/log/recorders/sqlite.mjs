// better-sqlite3 as a careful host would use it: a write-ahead log, synced at each commit. It has the least to do: a table
// without an index, no chain, no redaction, no request and no answer; an ending is not waited for, but shares its transaction.
import Database from 'better-sqlite3';
import { createGate } from './gate.mjs';

/** @param settings `eventsOfTransaction`. */
export function create({ eventsOfTransaction }, file, works) {
  const database = new Database(file);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.exec(
    'CREATE TABLE events (call INTEGER NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL, event TEXT NOT NULL)',
  );
  const begin = database.prepare('BEGIN');
  const insert = database.prepare('INSERT INTO events VALUES (?, ?, ?, ?)');
  const commit = database.prepare('COMMIT');
  let pending = 0;
  const settle = () => {
    if (pending > 0) commit.run();
    pending = 0;
  };
  const record = (call, seq, event) => {
    if (pending === 0) begin.run();
    insert.run(call, seq, Date.now(), JSON.stringify(event));
    pending += 1;
    if (pending === eventsOfTransaction) settle();
  };
  return { open: createGate(works, record), settle, close: () => database.close() };
}
