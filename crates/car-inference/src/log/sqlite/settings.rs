//! The settings in the file: the log's id, and its key when it is encrypted.

use rusqlite::{Connection, OptionalExtension, params};

use crate::log::LogError;

pub(super) fn setting<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> Result<Option<T>, LogError> {
    let mut statement = connection.prepare_cached("SELECT value FROM settings WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
}

pub(super) fn set_setting(connection: &Connection, name: &str, value: &dyn rusqlite::ToSql) -> Result<(), LogError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO settings (name, value) VALUES (?1, ?2)")?
        .execute(params![name, value])?;
    Ok(())
}

pub(super) fn log_id(connection: &Connection) -> Result<Option<String>, LogError> {
    setting(connection, "log_id")
}
