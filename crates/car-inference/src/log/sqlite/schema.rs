//! The tables, and how an older file becomes one of today's. Each step is a script; a file from the future is refused.

use rusqlite::{Connection, TransactionBehavior};

use super::failure::corrupt;
use crate::log::{LogError, LogErrorKind};

/// `PRAGMA application_id`: "CARl".
pub(super) const APPLICATION_ID: i32 = 0x4341_526C;

/// The first version that was released.
const VERSION_FIRST: i32 = 2;

/// What makes the first version of a new file, and brings a file from one version to the next.
const MIGRATIONS: [&str; 1] = [VERSION_2];

/// The version that this package writes.
pub(super) const VERSION: i32 = VERSION_FIRST + MIGRATIONS.len() as i32 - 1;

/// Times are microseconds since the Unix epoch. Of a call, what `start` and `end` records commit to is in `calls`.
const VERSION_2: &str = "
CREATE TABLE settings (
  name  TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- One row a call. `id` is the position of its start in `records`.
CREATE TABLE calls (
  id                          INTEGER PRIMARY KEY,
  trace_id                    TEXT NOT NULL,
  model                       TEXT NOT NULL,
  requested_model             TEXT NOT NULL,
  provider                    TEXT,
  hint                        TEXT,
  status                      TEXT NOT NULL,
  started_at_us               INTEGER NOT NULL,
  first_event_at_us           INTEGER,
  ended_at_us                 INTEGER,
  attempt                     INTEGER,
  event_count                 INTEGER,
  stop_reason                 TEXT,
  input_tokens                INTEGER,
  output_tokens               INTEGER,
  total_tokens                INTEGER,
  cache_read_input_tokens     INTEGER,
  cache_creation_input_tokens INTEGER,
  reasoning_tokens            INTEGER,
  cost_micro_usd              INTEGER,
  error_code                  TEXT,
  erased_at_us                INTEGER,
  -- What the host says of the call. Erased with the payload.
  client_ref                  TEXT,
  conversation_id             TEXT,
  parent_trace_id             TEXT,
  tags                        TEXT,
  -- The payload: JSON, or sealed bytes.
  request                     ANY,
  text                        ANY,
  tool_calls                  ANY,
  completion                  ANY,
  failure                     ANY,
  attempts                    ANY,
  verdicts                    ANY,
  notes                       ANY
) STRICT;
CREATE UNIQUE INDEX calls_by_trace_id ON calls (trace_id);
CREATE INDEX calls_by_start ON calls (started_at_us, id);
CREATE INDEX calls_by_model ON calls (model, started_at_us, id);
CREATE INDEX calls_by_model_status ON calls (model, status, started_at_us, id);
CREATE INDEX calls_by_status ON calls (status, started_at_us, id);
CREATE INDEX calls_by_conversation ON calls (conversation_id, started_at_us, id) WHERE conversation_id IS NOT NULL;
CREATE INDEX calls_by_parent ON calls (parent_trace_id, started_at_us, id) WHERE parent_trace_id IS NOT NULL;
CREATE INDEX calls_by_client_ref ON calls (client_ref, started_at_us, id) WHERE client_ref IS NOT NULL;

CREATE TABLE call_tags (
  tag           TEXT NOT NULL,
  started_at_us INTEGER NOT NULL,
  call_id       INTEGER NOT NULL,
  PRIMARY KEY (tag, started_at_us, call_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_tags_by_call ON call_tags (call_id);

-- The chain: what was written, in the order in which it was. Kinds: start, events, annotations, end; prune, erase, checkpoint.
CREATE TABLE records (
  position INTEGER PRIMARY KEY,
  call_id  INTEGER NOT NULL,
  kind     TEXT NOT NULL,
  first_seq INTEGER NOT NULL,
  count    INTEGER NOT NULL,
  attempt  INTEGER NOT NULL,
  at_us    INTEGER NOT NULL,
  salt     BLOB,
  digest   BLOB NOT NULL,
  link     BLOB NOT NULL,
  -- Last, so that reading the rest does not go through what is long.
  data     ANY
) STRICT;
CREATE INDEX records_by_call ON records (call_id, position);
CREATE INDEX records_by_kind ON records (kind, position) WHERE call_id = 0;

-- Where records are missing because they were pruned: the link of the last one, and the roots of the largest whole subtrees of
-- the Merkle tree that their links were, 32 bytes each. The newest `prune` record commits to all of it.
CREATE TABLE gaps (
  first    INTEGER PRIMARY KEY,
  last     INTEGER NOT NULL,
  after    BLOB NOT NULL,
  subtrees BLOB NOT NULL
) STRICT;

-- One row an event, for people: `event` is its JSON. Sealed and erased ones are not here.
CREATE VIEW events AS
SELECT
  calls.trace_id AS trace_id,
  records.first_seq + item.key AS seq,
  records.at_us + json_extract(item.value, '$[0]') AS at_us,
  records.attempt AS attempt,
  CASE json_type(item.value, '$[1]') WHEN 'text' THEN 'text-delta' ELSE json_extract(item.value, '$[1].type') END AS type,
  CASE json_type(item.value, '$[1]')
    WHEN 'text' THEN json_object('type', 'text-delta', 'text', json_extract(item.value, '$[1]'))
    ELSE json_extract(item.value, '$[1]')
  END AS event
FROM records
JOIN calls ON calls.id = records.call_id
JOIN json_each(CASE typeof(records.data) WHEN 'text' THEN records.data ELSE '[]' END) AS item
WHERE records.kind = 'events'
UNION ALL
SELECT
  trace_id,
  event_count,
  ended_at_us,
  attempt,
  'done',
  json_object('type', 'done', 'text', text, 'toolCalls', json(tool_calls))
FROM calls
WHERE status = 'done' AND typeof(tool_calls) = 'text';
";

/// Makes the tables of a new file, or brings an old one to today's version.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), LogError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = checked_version(&transaction)?;
    for (made, script) in (VERSION_FIRST..).zip(MIGRATIONS).filter(|(made, _)| *made > version) {
        transaction.execute_batch(script)?;
        transaction.pragma_update(None, "user_version", made)?;
    }
    if version == 0 {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    transaction.commit()?;
    Ok(())
}

/// The file's version: 0 for one that is new.
pub(super) fn checked_version(connection: &Connection) -> Result<i32, LogError> {
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application_id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let is_empty = version == 0
        && application_id == 0
        && connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))? == 0;
    if is_empty {
        return Ok(0);
    }
    if application_id != APPLICATION_ID {
        return Err(LogError::new(
            LogErrorKind::NotALog,
            "the file is an SQLite database, but no event log of car-inference",
        ));
    }
    match version {
        VERSION_FIRST..=VERSION => Ok(version),
        1 => Err(LogError::new(
            LogErrorKind::Unsupported,
            format!(
                "the log has version 1, which was never released; this package reads version {VERSION}: export the log with the \
                 build that wrote it and import that"
            ),
        )),
        newer if newer > VERSION => Err(LogError::new(
            LogErrorKind::NewerVersion,
            format!("the log has version {newer}, this package writes {VERSION}; update car-inference"),
        )),
        _ => Err(corrupt("the log has an invalid version number")),
    }
}

/// Refuses a file into which somebody has put a trigger: it would change what is written.
pub(super) fn check_triggers(connection: &Connection) -> Result<(), LogError> {
    let mut statement = connection.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'trigger'")?;
    if statement.exists([])? {
        return Err(corrupt(
            "somebody has put a trigger into the log; open it with `access: 'read'`, or drop the trigger",
        ));
    }
    Ok(())
}
