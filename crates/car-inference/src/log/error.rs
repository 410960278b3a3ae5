//! Why the log could not do what it was asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The log could not take a record, or could not be opened or read. In JavaScript a `LogError`, whose `reason` is the kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LogError {
    /// What kind of failure it is.
    pub kind: LogErrorKind,
    /// What happened, for people. Never holds payload.
    pub message: String,
}

impl LogError {
    /// An error of this kind.
    pub fn new(kind: LogErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    pub(crate) fn closed() -> Self {
        Self::new(LogErrorKind::Closed, "the log is closed; open it again")
    }

    /// A write operation on a log that was opened for reading.
    pub(crate) fn reads_only() -> Self {
        Self::new(
            LogErrorKind::Unsupported,
            "this writes to the log, which was opened with `access: 'read'`; open it with `access: 'write'`",
        )
    }

    /// Whether the log itself has failed. False for an invalid or unsupported request.
    pub(crate) fn is_failure(&self) -> bool {
        use LogErrorKind::{Closed, InvalidInput, InvalidPath, NewerVersion, NotALog, Unsupported, WrongKey};
        !matches!(
            self.kind,
            Closed | InvalidInput | InvalidPath | NewerVersion | NotALog | Unsupported | WrongKey
        )
    }
}

/// What kind of failure a [`LogError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum LogErrorKind {
    /// The disk is full. Make room and open the log again.
    DiskFull,
    /// The operating system failed to read or write. Open the log again once the cause is gone.
    Io,
    /// The file or its folder cannot be written.
    ReadOnly,
    /// The file was deleted, moved or replaced while it was open.
    Moved,
    /// Another process or handle writes to the log.
    Locked,
    /// The file is damaged, or was changed by something else than this package.
    Corrupt,
    /// The file is no event log.
    NotALog,
    /// A newer version of this package wrote the log. Update the package.
    NewerVersion,
    /// The log is encrypted and the key is missing or not the one.
    WrongKey,
    /// The path cannot be opened: a symbolic link, a folder, or permissions that let others read.
    InvalidPath,
    /// More waits to be written than the queue may hold: the disk does not keep up.
    QueueFull,
    /// The log is closed.
    Closed,
    /// This kind of log, or the way in which it was opened, cannot do it.
    Unsupported,
    /// What was given does not fit: an option, a cursor, a line to import, a key.
    InvalidInput,
    /// Anything else.
    Other,
}
