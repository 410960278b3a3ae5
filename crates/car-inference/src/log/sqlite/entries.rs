//! A record's entry, from the file: what its link commits to.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::chain::{Entry, Hash};
use super::columns::{END, START, hash_of};
use crate::log::LogError;

/// What [`entry_hash`] reads of `records`, in its order.
pub(super) const ENTRY: &str = "position, call_id, kind, first_seq, count, attempt, at_us, digest";

/// The hash of the entry of this row, which begins with [`ENTRY`]; nothing when its call is missing.
pub(super) fn entry_hash(connection: &Connection, row: &Row<'_>) -> Result<Option<Hash>, LogError> {
    let (call_id, kind): (i64, String) = (row.get(1)?, row.get(2)?);
    let columns = match kind.as_str() {
        "start" => Some(columns_hash(connection, call_id, &START)?),
        "end" => Some(columns_hash(connection, call_id, &END)?),
        _ => None,
    };
    let columns = match columns {
        Some(None) => return Ok(None),
        Some(hash) => hash,
        None => None,
    };
    let digest: Hash = row.get(7)?;
    let entry = Entry {
        position: row.get(0)?,
        call_id,
        kind: &kind,
        first_seq: row.get(3)?,
        count: row.get(4)?,
        attempt: row.get(5)?,
        at_us: row.get(6)?,
        columns,
        digest: &digest,
    };
    Ok(Some(entry.hash()))
}

fn columns_hash(connection: &Connection, call_id: i64, names: &[&str]) -> Result<Option<Hash>, LogError> {
    let sql = format!("SELECT {} FROM calls WHERE id = ?1", names.join(", "));
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([call_id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let values: Result<Vec<ValueRef<'_>>, _> = (0..names.len()).map(|column| row.get_ref(column)).collect();
    Ok(Some(hash_of(&values?)))
}
