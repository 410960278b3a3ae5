//! Logs of this environment. A disk may be slow, so every question is answered on a thread of its own, by mail.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use car_inference::error::Problem;
use car_inference::log::sqlite::{LogAccess, LogKey, VerifyOptions};
use car_inference::log::transfer::{self, Importer};
use car_inference::log::{
    CallFilter, EraseTarget, EventRange, LogErrorKind, LogStore, PruneOptions, SqliteLog, SqliteLogOptions,
};
use car_inference::{Failure, LogError};
use napi::Either;
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::environment;
use crate::json_text::{checked, to_json};
use crate::mailbox::Message;
use crate::runtime::runtime;

/// A log that JavaScript holds. Clones share it.
#[derive(Clone)]
pub struct LogHandle {
    pub store: Arc<dyn LogStore>,
    /// The same, when it is a durable one.
    pub sqlite: Option<SqliteLog>,
    /// Imports that are under way, by the number that JavaScript gave each.
    importers: Arc<Mutex<HashMap<u32, Importer>>>,
    /// Those who wait for more to be recorded, by their number. Dropped, one waits no longer.
    waiters: Arc<Mutex<HashMap<u32, oneshot::Sender<()>>>>,
}

impl LogHandle {
    pub fn new(store: Arc<dyn LogStore>, sqlite: Option<SqliteLog>) -> Self {
        Self {
            store,
            sqlite,
            importers: Arc::default(),
            waiters: Arc::default(),
        }
    }

    fn durable(&self) -> Result<&SqliteLog, LogError> {
        self.sqlite.as_ref().ok_or_else(|| {
            LogError::new(
                LogErrorKind::Unsupported,
                "a log in memory cannot do that; open a durable one with EventLog.open",
            )
        })
    }
}

/// What went wrong with a question.
enum Wrong {
    /// An argument is not valid; the text names it.
    Given(&'static str, Vec<Problem>),
    Log(LogError),
}

impl From<LogError> for Wrong {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<&Wrong> for Failure {
    fn from(wrong: &Wrong) -> Self {
        match wrong {
            Wrong::Given(what, problems) => Self::invalid(what, problems.clone()),
            Wrong::Log(error) => Self::log(error),
        }
    }
}

/// What `src/event-log.ts` asks.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
enum Question {
    Call {
        trace_id: String,
    },
    Calls {
        filter: Value,
    },
    Events {
        trace_id: String,
        range: Value,
        limit: usize,
    },
    Stats,
    EndCursor,
    Tail {
        cursor: Option<String>,
        limit: usize,
    },
    Changed {
        cursor: String,
        waiter: u32,
    },
    StopWaiting {
        waiter: u32,
    },
    Flush,
    Settle,
    Prune {
        options: Value,
    },
    Erase {
        target: Value,
    },
    ExportHeader,
    ExportCall {
        trace_id: String,
    },
    Import {
        import: u32,
        lines: Vec<String>,
        last: bool,
    },
    ImportAbandoned {
        import: u32,
    },
    Backup {
        path: String,
    },
    Verify {
        options: Value,
    },
    Checkpoint,
    RotateKey,
    Reopen,
    Close,
}

/// Parses an argument of the host; an error names the argument.
fn given<T>(
    what: &'static str,
    from_json: impl FnOnce(&str) -> Result<T, Vec<Problem>>,
    value: &Value,
) -> Result<T, Wrong> {
    from_json(&value.to_string()).map_err(|problems| Wrong::Given(what, problems))
}

/// An answer, as JSON.
fn json(value: &impl Serialize) -> Result<String, Wrong> {
    serde_json::to_string(&Answer::Value(value))
        .map_err(|error| LogError::new(LogErrorKind::Other, error.to_string()).into())
}

/// A key as bytes, which never pass through JSON.
fn key_of(bytes: Option<&[u8]>) -> Result<[u8; 32], Wrong> {
    let key = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    key.ok_or_else(|| Wrong::Given("key", vec![Problem::new("key", "expected 32 bytes")]))
}

fn answer(log: &LogHandle, question: Question, bytes: Option<&[u8]>) -> Result<String, Wrong> {
    let store = &log.store;
    match question {
        Question::Call { trace_id } => json(&store.call(&trace_id)?),
        Question::Calls { filter } => {
            let filter = given("filter", CallFilter::from_json, &filter)?;
            match store.check_filter(&filter) {
                problems if problems.is_empty() => json(&store.calls(&filter)?),
                problems => Err(Wrong::Given("filter", problems)),
            }
        }
        Question::Events { trace_id, range, limit } => {
            let range = given("range of events", EventRange::from_json, &range)?;
            json(&store.events(&trace_id, &range, limit)?)
        }
        Question::Stats => json(&store.stats()?),
        Question::EndCursor => json(&store.end_cursor()?),
        Question::Tail { cursor, limit } => json(&store.tail(cursor.as_deref(), limit)?),
        Question::Flush => json(&store.flush()?),
        Question::Settle => match &log.sqlite {
            Some(sqlite) => json(&sqlite.settle()?),
            None => json(&()),
        },
        Question::Prune { options } => {
            json(&store.prune(&given("options of prune", PruneOptions::from_json, &options)?)?)
        }
        Question::Erase { target } => {
            json(&store.erase(&given("target of erase", EraseTarget::from_json, &target)?)?)
        }
        Question::ExportHeader => lines(transfer::write_header),
        Question::ExportCall { trace_id } => match store.archived(&trace_id)? {
            Some(call) => lines(|to| transfer::write_call(to, &call)),
            None => json(&()),
        },
        Question::Import { import, lines, last } => take_lines(log, import, &lines, last),
        Question::ImportAbandoned { import } => {
            log.importers.lock().remove(&import);
            json(&())
        }
        Question::Backup { path } => json(&log.durable()?.backup(&path)?),
        Question::Verify { options } => {
            let options = given("options of verify", VerifyOptions::from_json, &options)?;
            json(&log.durable()?.verify(&options)?)
        }
        Question::Checkpoint => json(&log.durable()?.checkpoint(&key_of(bytes)?)?),
        Question::RotateKey => json(&log.durable()?.rotate_key(LogKey::new(key_of(bytes)?))?),
        Question::Reopen => json(&store.reopen()?),
        Question::StopWaiting { waiter } => {
            log.waiters.lock().remove(&waiter);
            json(&())
        }
        Question::Close => {
            // Another handle may keep the file open, and then nothing else tells them.
            log.waiters.lock().clear();
            json(&store.close()?)
        }
        // Waits, and is not answered here.
        Question::Changed { .. } => json(&()),
    }
}

fn lines(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> Result<String, Wrong> {
    let mut lines = Vec::new();
    write(&mut lines).map_err(|error| LogError::new(LogErrorKind::Other, error.to_string()))?;
    json(&String::from_utf8_lossy(&lines))
}

fn take_lines(log: &LogHandle, import: u32, lines: &[String], last: bool) -> Result<String, Wrong> {
    let mut importer = log.importers.lock().remove(&import).unwrap_or_default();
    // One that has failed is not gone on with.
    for line in lines {
        importer.line(line, &*log.store)?;
    }
    if last {
        return json(&importer.finish()?);
    }
    log.importers.lock().insert(import, importer);
    json(&())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Answer<'a, T> {
    Value(&'a T),
    Failure(&'a Failure),
}

/// The JSON of an answer that JavaScript can take.
fn to_answer(answer: Result<String, Wrong>) -> String {
    let failed = |failure: &Failure| to_json(&Answer::<()>::Failure(failure));
    match answer.map(checked) {
        Ok(Ok(answer)) => answer,
        Ok(Err(too_long)) => {
            let reason = format!("the log cannot be read: {}", too_long.reason);
            failed(&Failure::log(&LogError::new(LogErrorKind::Other, reason)))
        }
        Err(wrong) => failed(&Failure::from(&wrong)),
    }
}

fn no_threads() -> Wrong {
    LogError::new(LogErrorKind::Other, "no thread could be started").into()
}

fn panicked() -> Wrong {
    LogError::new(LogErrorKind::Other, "a panic; please report it").into()
}

/// Asks a log. What is in memory is answered at once; else the answer is posted as ANSWER with the returned number.
#[napi(catch_unwind)]
pub fn ask_log(log: u32, question_json: String, bytes: Option<Uint8Array>) -> Either<String, u32> {
    let (ticket, mailbox, handle) = environment::with(|environment| {
        let mailbox = Arc::clone(&environment.mailbox);
        (mailbox.next_id(), mailbox, environment.logs.get(log).cloned())
    });
    let Some(handle) = handle else {
        let closed = LogError::new(LogErrorKind::Closed, "the log is closed; open it again");
        return Either::A(to_answer(Err(closed.into())));
    };
    let question = match serde_json::from_str(&question_json) {
        Ok(question) => question,
        Err(error) => {
            let problems = vec![Problem::new("", error.to_string())];
            return Either::A(to_answer(Err(Wrong::Given("question", problems))));
        }
    };
    let waits = matches!(question, Question::Changed { .. });
    if handle.sqlite.is_none() && !waits {
        return Either::A(to_answer(answer(&handle, question, bytes.as_deref())));
    }
    let Some(runtime) = runtime() else {
        return Either::A(to_answer(Err(no_threads())));
    };
    // An environment that is gone has nobody to answer.
    let reply = move |result| drop(mailbox.post(Message::Answer(ticket, to_answer(result))));
    if let Question::Changed { cursor, waiter } = question {
        let (stop, stopped) = oneshot::channel();
        handle.waiters.lock().insert(waiter, stop);
        let waiters = Arc::clone(&handle.waiters);
        let changed = {
            let _runtime = runtime.enter();
            handle.store.changed(&cursor)
        };
        // The handle is not held while it waits: who waits must not keep a log open that everybody else has forgotten.
        runtime.spawn(async move {
            tokio::select! {
                () = changed => {}
                _ = stopped => {}
            }
            waiters.lock().remove(&waiter);
            reply(json(&()));
        });
    } else {
        let bytes = bytes.map(|bytes| bytes.to_vec());
        runtime.spawn_blocking(move || {
            let answered = catch_unwind(AssertUnwindSafe(|| answer(&handle, question, bytes.as_deref())));
            reply(answered.unwrap_or_else(|_| Err(panicked())));
        });
    }
    Either::B(ticket)
}

fn options_of(options_json: &str, key: Option<&[u8]>) -> Result<SqliteLogOptions, Wrong> {
    let invalid = |problems| Wrong::Given("log options", problems);
    let mut options = SqliteLogOptions::from_json(options_json).map_err(invalid)?;
    if key.is_some() {
        options.key = Some(LogKey::new(key_of(key)?));
        match options.validate() {
            problems if problems.is_empty() => {}
            problems => return Err(invalid(problems)),
        }
    }
    Ok(options)
}

fn open(path: &str, options_json: &str, key: Option<&[u8]>) -> Result<LogHandle, Wrong> {
    let log = SqliteLog::open(path, options_of(options_json, key)?)?;
    Ok(LogHandle::new(Arc::new(log.clone()), Some(log)))
}

/// The files and folders that opening a log creates, reads or writes, the log file itself first. Empty when the path is
/// not valid; opening then reports that.
#[napi(catch_unwind)]
pub fn files_of_log(path: String, writes: bool) -> Vec<String> {
    let access = if writes { LogAccess::Write } else { LogAccess::Read };
    let files = SqliteLog::files_of(&path, access).unwrap_or_default();
    files.iter().map(|file| file.to_string_lossy().into_owned()).collect()
}

/// Opens a log on this thread. Returns its id, or -1.
#[napi(catch_unwind)]
pub fn open_log_now(path: String, options_json: String) -> i32 {
    let opened = open(&path, &options_json, None);
    environment::with(|environment| match opened {
        Ok(log) => environment.logs.add(log).cast_signed(),
        Err(wrong) => environment.fail(&Failure::from(&wrong)),
    })
}

/// Opens a log. Its id is posted as ANSWER with the returned number.
#[napi(catch_unwind)]
pub fn open_log(path: String, options_json: String, key: Option<Uint8Array>) -> u32 {
    let mailbox = environment::with(|environment| Arc::clone(&environment.mailbox));
    let ticket = mailbox.next_id();
    let key = key.map(|key| key.to_vec());
    let work = {
        let mailbox = Arc::clone(&mailbox);
        move || {
            let opened = catch_unwind(AssertUnwindSafe(|| open(&path, &options_json, key.as_deref())));
            let opened = opened.unwrap_or_else(|_| Err(panicked()));
            drop(mailbox.post(match opened {
                Ok(log) => Message::Opened(ticket, Box::new(log)),
                Err(wrong) => Message::Answer(ticket, to_answer(Err(wrong))),
            }));
        }
    };
    // It may wait for another process, for as long as it was told, and the threads that answer questions are few.
    let thread = std::thread::Builder::new()
        .name("car-inference-open".into())
        .spawn(work);
    if thread.is_err() {
        drop(mailbox.post(Message::Answer(ticket, to_answer(Err(no_threads())))));
    }
    ticket
}

/// The answer to an opening.
pub fn opened(id: u32) -> String {
    to_answer(json(&id))
}

/// The number of the last record that is durable.
#[napi(catch_unwind)]
pub fn durable_seq(log: u32) -> f64 {
    let handle = environment::with(|environment| environment.logs.get(log).cloned());
    handle.map_or(0.0, |log| log.store.durable_seq() as f64)
}

/// Where a log ends now, as a cursor; nothing when another process writes to it, so that only asking tells.
#[napi(catch_unwind)]
pub fn end_cursor(log: u32) -> Option<String> {
    let handle = environment::with(|environment| environment.logs.get(log).cloned())?;
    match &handle.sqlite {
        Some(sqlite) => sqlite.written_cursor(),
        None => handle.store.end_cursor().ok(),
    }
}

/// Why a log takes nothing any more: a failure, as JSON; nothing while it does.
#[napi(catch_unwind)]
pub fn log_failure(log: u32) -> Option<String> {
    let handle = environment::with(|environment| environment.logs.get(log).cloned());
    let failure = handle.and_then(|log| log.sqlite.as_ref().and_then(SqliteLog::failure));
    failure.map(|error| to_json(&Failure::log_failed(&error)))
}

/// Where a log lies; nothing for one in memory.
#[napi(catch_unwind)]
pub fn log_path(log: u32) -> Option<String> {
    let handle = environment::with(|environment| environment.logs.get(log).cloned());
    handle.and_then(|log| Some(log.sqlite.as_ref()?.path().to_string_lossy().into_owned()))
}

/// Forgets a log; the file is let go of with its last handle.
#[napi(catch_unwind)]
pub fn release_log(log: u32) {
    let released = environment::with(|environment| environment.logs.remove(log));
    // Closing waits for the disk: not on this thread.
    match (released, runtime()) {
        (Some(log), Some(runtime)) if log.sqlite.is_some() => drop(runtime.spawn_blocking(move || drop(log))),
        (released, _) => drop(released),
    }
}
