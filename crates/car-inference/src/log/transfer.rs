//! Calls as JSON Lines: readable, versioned, and the same again when they are read back.
//!
//! | line | fields |
//! |---|---|
//! | first | `type: "car-inference-log"`, `version: 1` |
//! | `call` | a call begins: `traceId`, `model`, `hint`, `provider`, `startedAt`, `request` |
//! | `event` | one event of it: `seq`, `at`, `attempt`, `event` |
//! | `end` | the call ends: `seq`, `at`, `attempt`, `ending`, `attempts`, `verdicts`, `notes` |
//!
//! Times are milliseconds since the Unix epoch, to the microsecond. A call's lines follow each other. Calls that are open, and
//! those whose payload was erased, are left out. Empty lines, and lines of a `type` that this version does not know, mean nothing.
//!
//! The text is UTF-8. A byte order mark at its start, carriage returns at the ends of lines, and a missing last line
//! feed are accepted, because editors may produce them.

use std::io::{self, BufRead, Write};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ArchivedCall, AttemptRecord, CallStart, CallStatus, Ending, LogError, LogErrorKind, LogStore, LoggedEvent, Note,
    Stamp, VerdictRecord,
};
use crate::error::Problem;
use crate::shape;
use crate::stream::StreamEvent;
use crate::tasks::generate::GenerateRequest;

/// The version of the format that is written, and the newest that is read.
pub const VERSION: u32 = 1;

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
enum Line {
    #[serde(rename = "car-inference-log")]
    Header {
        version: u32,
    },
    Call {
        trace_id: String,
        model: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<String>,
        started_at: f64,
        request: Box<GenerateRequest>,
    },
    Event(LoggedEvent),
    End {
        seq: u64,
        at: f64,
        attempt: u32,
        ending: Box<Ending>,
        #[serde(default)]
        attempts: Vec<AttemptRecord>,
        #[serde(default)]
        verdicts: Vec<VerdictRecord>,
        #[serde(default)]
        notes: Vec<Note>,
    },
}

fn epoch_ms(started_at_us: u64, at_us: u64) -> f64 {
    (started_at_us + at_us) as f64 / 1_000.0
}

fn write_line(to: &mut impl Write, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *to, line)?;
    to.write_all(b"\n")
}

/// Writes the first line.
///
/// # Errors
/// What `to` says.
pub fn write_header(to: &mut impl Write) -> io::Result<()> {
    write_line(to, &Line::Header { version: VERSION })
}

/// Writes the lines of one call.
///
/// # Errors
/// What `to` says.
pub fn write_call(to: &mut impl Write, call: &ArchivedCall) -> io::Result<()> {
    let ArchivedCall { start, ended, .. } = call;
    write_line(
        to,
        &Line::Call {
            trace_id: start.trace_id.clone(),
            model: start.model.clone(),
            hint: start.hint.clone(),
            provider: start.provider.clone(),
            started_at: epoch_ms(start.started_at_us, 0),
            request: Box::new((*start.request).clone()),
        },
    )?;
    for (stamp, event) in &call.events {
        write_line(
            to,
            &Line::Event(LoggedEvent {
                seq: stamp.seq,
                at: epoch_ms(start.started_at_us, stamp.at_us),
                attempt: stamp.attempt,
                event: event.clone(),
            }),
        )?;
    }
    write_line(
        to,
        &Line::End {
            seq: ended.seq,
            at: epoch_ms(start.started_at_us, ended.at_us),
            attempt: ended.attempt,
            ending: Box::new((*call.ending).clone()),
            attempts: call.attempts.clone(),
            verdicts: call.verdicts.clone(),
            notes: call.notes.clone(),
        },
    )
}

/// What an import has come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct ImportReport {
    /// How many calls were taken.
    pub calls: u64,
    /// How many were there already, by their trace id, and left alone.
    pub known: u64,
}

/// Reads lines and gives whole calls to a log.
#[derive(Default)]
pub struct Importer {
    lines: u64,
    has_header: bool,
    /// The call whose end has not come.
    open: Option<(CallStart, Vec<(Stamp, StreamEvent)>)>,
    report: ImportReport,
}

/// Imports an export into a log, line by line. A call whose trace id is already in the log is skipped.
///
/// # Errors
/// [`LogErrorKind::InvalidInput`] with the line number when a line is not valid, [`LogErrorKind::Io`] when it cannot be
/// read, or an error of the log. The calls before that line have been imported.
pub fn import(from: impl BufRead, log: &dyn LogStore) -> Result<ImportReport, LogError> {
    let mut importer = Importer::default();
    for line in from.split(b'\n') {
        let line = line.map_err(|error| {
            let message = format!("line {} cannot be read: {error}", importer.lines + 1);
            LogError::new(LogErrorKind::Io, message)
        })?;
        importer.line_of_bytes(&line, log)?;
    }
    importer.finish()
}

/// A byte order mark, as editors on Windows write it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Why bytes are not UTF-8, judged by their beginning.
fn encoding_of(line: &[u8]) -> &'static str {
    match line {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'{', 0, ..] | [0, b'{', ..] => "the text is UTF-16; save it as UTF-8",
        _ => "the text is not UTF-8; save it as UTF-8",
    }
}

/// The text of an error, without the line number, which is always 1.
fn without_line(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}

/// At most so many bytes of a reason are shown: a list of known fields may be long.
const REASON_BYTES_MAX: usize = 200;

fn shortened(reason: &str) -> String {
    match reason.get(..reason.floor_char_boundary(REASON_BYTES_MAX)) {
        Some(begin) if begin.len() < reason.len() => format!("{begin}…"),
        _ => reason.into(),
    }
}

/// One call in an import holds at most so many events, so that nonsense does not fill the memory.
const EVENTS_MAX: usize = 10_000_000;

impl Importer {
    /// Reads one line of bytes, with or without its line feed.
    ///
    /// # Errors
    /// Like [`line`](Self::line), and when the bytes are not UTF-8.
    pub fn line_of_bytes(&mut self, line: &[u8], log: &dyn LogStore) -> Result<(), LogError> {
        match std::str::from_utf8(line) {
            Ok(line) => self.line(line, log),
            Err(_) => {
                self.lines += 1;
                Err(self.invalid(encoding_of(line)))
            }
        }
    }

    /// Reads one line, with or without its line feed.
    ///
    /// # Errors
    /// [`LogErrorKind::InvalidInput`] with the line's number when it is not of the format; what the log says.
    pub fn line(&mut self, line: &str, log: &dyn LogStore) -> Result<(), LogError> {
        self.lines += 1;
        // In every line, because files may have been concatenated.
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        if let "{\0" | "\0{" = line.get(..2).unwrap_or_default() {
            return Err(self.invalid(encoding_of(line.as_bytes())));
        }
        if line.trim().is_empty() {
            return Ok(());
        }
        let line = self.parse(line)?;
        match (line, self.has_header) {
            (None, true) => Ok(()),
            (Some(Line::Header { version }), _) if version > VERSION => Err(LogError::new(
                LogErrorKind::NewerVersion,
                format!(
                    "line {}: the lines have version {version}, and this package reads up to {VERSION}; update car-inference",
                    self.lines
                ),
            )),
            (Some(Line::Header { .. }), _) if self.open.is_none() => {
                self.has_header = true;
                Ok(())
            }
            (_, false) => {
                Err(self
                    .invalid("the first line has to be the header, `{\"type\":\"car-inference-log\",\"version\":1}`"))
            }
            (Some(Line::Call { .. } | Line::Header { .. }), true) if self.open.is_some() => {
                Err(self.invalid("the call before has no end, which is a line of its own"))
            }
            (Some(line), true) => self.take(line, log),
        }
    }

    fn take(&mut self, line: Line, log: &dyn LogStore) -> Result<(), LogError> {
        match line {
            Line::Header { .. } => {}
            Line::Call {
                trace_id,
                model,
                hint,
                provider,
                started_at,
                request,
            } => {
                if trace_id.is_empty() || trace_id.len() > 256 {
                    return Err(self.invalid("traceId: must have from 1 to 256 bytes"));
                }
                let start = CallStart {
                    trace_id,
                    model,
                    hint,
                    provider,
                    started_at_us: self.epoch_us("startedAt", started_at)?,
                    request: Arc::new(*request),
                };
                self.open = Some((start, Vec::new()));
            }
            Line::Event(LoggedEvent {
                seq,
                at,
                attempt,
                event,
            }) => {
                let at_us = self.epoch_us("at", at)?;
                let Some((start, events)) = &mut self.open else {
                    return Err(self.invalid("an event of no call; its `call` line must come first"));
                };
                let expected = events.last().map_or(1, |(stamp, _)| stamp.seq + 1);
                if seq != expected || events.len() >= EVENTS_MAX {
                    return Err(self.invalid(&format!("seq: expected {expected}, got {seq}")));
                }
                if matches!(event, StreamEvent::Done { .. }) {
                    return Err(self.invalid("event: `done` is not an event line; the call's end line contains it"));
                }
                let Some(at_us) = at_us.checked_sub(start.started_at_us) else {
                    return Err(self.invalid("at: before the call's `startedAt`"));
                };
                events.push((Stamp { seq, at_us, attempt }, event));
            }
            Line::End {
                seq,
                at,
                attempt,
                ending,
                attempts,
                verdicts,
                notes,
            } => {
                let at_us = self.epoch_us("at", at)?;
                if ending.status == CallStatus::Open {
                    return Err(self.invalid("ending.status: a call that has ended cannot be open"));
                }
                let Some((start, events)) = self.open.take() else {
                    return Err(self.invalid("an end of no call; its `call` line must come first"));
                };
                let expected = events.last().map_or(1, |(stamp, _)| stamp.seq + 1);
                if seq != expected {
                    return Err(self.invalid(&format!("seq: expected {expected}, got {seq}")));
                }
                let Some(at_us) = at_us.checked_sub(start.started_at_us) else {
                    return Err(self.invalid("at: before the call's `startedAt`"));
                };
                let ended = Stamp { seq, at_us, attempt };
                let is_new = log.restore(ArchivedCall {
                    start,
                    events,
                    attempts,
                    verdicts,
                    notes,
                    ended,
                    ending: Arc::new(*ending),
                })?;
                self.report.calls += u64::from(is_new);
                self.report.known += u64::from(!is_new);
            }
        }
        Ok(())
    }

    /// There are no more lines.
    ///
    /// # Errors
    /// When the last call has no end. Those before it were taken.
    pub fn finish(&self) -> Result<ImportReport, LogError> {
        if self.open.is_some() {
            return Err(self.invalid("the last call has no end, which is a line of its own"));
        }
        Ok(self.report)
    }

    /// A line; nothing when it is of a type that is not known.
    fn parse(&self, line: &str) -> Result<Option<Line>, LogError> {
        #[derive(Deserialize)]
        struct Typed<'a> {
            #[serde(rename = "type", borrow)]
            kind: std::borrow::Cow<'a, str>,
        }
        let Typed { kind } = serde_json::from_str(line).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => {
                self.invalid("it has not the fields of a line; `type` is required, such as `{\"type\":\"call\",…}`")
            }
            _ => self.invalid(&format!(
                "it is no JSON, or nested too deeply: {}",
                without_line(&error)
            )),
        })?;
        match &*kind {
            "car-inference-log" | "call" | "event" | "end" => {
                super::sqlite::read_json(line).map(Some).map_err(|_| self.unfit(line))
            }
            _ => Ok(None),
        }
    }

    /// The first thing that is wrong with the fields of a line.
    fn unfit(&self, line: &str) -> LogError {
        let problems = shape::parse::<Line>(line).err().unwrap_or_default();
        let problem = problems
            .first()
            .map_or_else(|| "nested too deeply".into(), Problem::to_string);
        self.invalid(&format!("it has not the fields of its type: {}", shortened(&problem)))
    }

    fn epoch_us(&self, field: &str, at: f64) -> Result<u64, LogError> {
        // 2^53 microseconds: what a number holds exactly.
        const AT_MAX_MS: f64 = 9_007_199_254_740.0;
        if (0.0..=AT_MAX_MS).contains(&at) {
            Ok((at * 1_000.0).round() as u64)
        } else {
            let message =
                format!("a time that is none: {field}: expected milliseconds since the Unix epoch, got {at:e}");
            Err(self.invalid(&message))
        }
    }

    fn invalid(&self, message: &str) -> LogError {
        LogError::new(LogErrorKind::InvalidInput, format!("line {}: {message}", self.lines))
    }
}
