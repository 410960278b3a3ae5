//! The end of the chain of records.

use rusqlite::{Connection, OptionalExtension};

use super::chain::{Hash, genesis};
use super::failure::corrupt;
use crate::log::LogError;

/// The last record of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub position: i64,
    pub link: Hash,
}

impl Head {
    /// Reads the head of a connection's log.
    pub fn read(connection: &Connection, log_id: &str) -> Result<Self, LogError> {
        // No log has that many records; the limit leaves room for new ones.
        const POSITION_MAX: i64 = i64::MAX / 2;
        let last = connection
            .query_row(
                "SELECT position, link FROM records ORDER BY position DESC LIMIT 1",
                [],
                |row| {
                    Ok(Head {
                        position: row.get(0)?,
                        link: row.get(1)?,
                    })
                },
            )
            .optional()?;
        match last {
            Some(head) if (1..POSITION_MAX).contains(&head.position) => Ok(head),
            Some(_) => Err(corrupt("the last record has no valid position")),
            None => Ok(Head {
                position: 0,
                link: genesis(log_id),
            }),
        }
    }
}
