//! Whether a database that another program has written to is still this log. If the program has copied the write-ahead
//! log to it with SQLite, or only touched it, the log continues. Reads the whole file; this happens rarely.

use std::time::Duration;

use super::connection::open_reader;
use super::failure::changed;
use super::files::LogPath;
use super::head::Head;
use super::read::Reading;
use super::seal::Sealer;
use super::settings::log_id;
use super::verify_report::VerifyProblem;
use crate::log::LogError;
use crate::log::cursor::LogTag;

/// How often to read the database again when it cannot be read, because another program may be copying the write-ahead
/// log just now.
const TRIES: usize = 5;
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// Checks the database. `last` is the last record, if this process is the writer.
///
/// # Errors
/// When the database is not this log, or not intact; the error says what is wrong.
pub(super) fn check_database(path: &LogPath, sealer: &Sealer, id: &str, last: Option<Head>) -> Result<(), LogError> {
    let mut tries = TRIES;
    let problem = loop {
        match problem(path, sealer, id, last) {
            Ok(None) => return Ok(()),
            Ok(Some(problem)) => break problem,
            Err(error) if tries == 0 => break error.message,
            Err(_) => {
                tries -= 1;
                std::thread::park_timeout(TRY_AGAIN);
            }
        }
    };
    Err(changed(&path.0, &problem))
}

fn problem(path: &LogPath, sealer: &Sealer, id: &str, last: Option<Head>) -> Result<Option<String>, LogError> {
    // A new connection, because the writer's has cached older pages.
    let connection = open_reader(path)?;
    connection.execute_batch("BEGIN")?;
    if log_id(&connection)?.as_deref() != Some(id) {
        return Ok(Some("it is another log now".into()));
    }
    if last.is_some() && last != Some(Head::read(&connection, id)?) {
        return Ok(Some("it does not end with the last recorded entry".into()));
    }
    let reading = Reading {
        connection: &connection,
        sealer,
        log: LogTag::of(id),
    };
    let report = reading.verify_among_others(id)?;
    Ok(report.problem.map(|VerifyProblem { table, row, message }| match row {
        Some(row) => format!("row {row} of {table}: {message}"),
        None => format!("{table}: {message}"),
    }))
}
