//! Whether the file still holds what was written: every value that a query can return is compared with the chain, and the
//! chain with itself.

use std::collections::{BTreeMap, HashMap};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use serde::de::DeserializeOwned;

use super::chain::{Hash, genesis, hex, link};
use super::checkpoint::Checkpoint;
use super::columns::{END, END_PAYLOAD, START_PAYLOAD, digest_of};
use super::entries::{ENTRY, entry_hash};
use super::gaps::Gaps;
use super::housekeeping::CHECKPOINTS_KEPT;
use super::outage::{OUTAGE, OutageRecord};
use super::own_records::{CheckpointRecord, EraseRecord, PruneRecord};
use super::read::Reading;
use super::schema;
use super::stored_json as json;
use super::text_index::TextIndex;
use super::tree::Run;
use super::tree_state::{KEPT_EVERY, kept_tree};
use super::verify_report::{VerifyOptions, VerifyProblem, VerifyReport};
use crate::log::{LogError, LogErrorKind};

/// Why comparing stops: something is wrong with the log, or it cannot be read.
pub(super) enum Stop {
    Wrong(VerifyProblem),
    Failed(LogError),
}

impl<E: Into<LogError>> From<E> for Stop {
    fn from(error: E) -> Self {
        let error = error.into();
        match error.kind {
            LogErrorKind::Corrupt | LogErrorKind::NotALog | LogErrorKind::InvalidInput => Self::Wrong(VerifyProblem {
                table: "file".into(),
                row: None,
                message: error.message,
            }),
            _ => Self::Failed(error),
        }
    }
}

pub(super) fn wrong<R>(table: &str, row: impl Into<Option<i64>>, message: impl Into<String>) -> Result<R, Stop> {
    Err(Stop::Wrong(VerifyProblem {
        table: table.into(),
        row: row.into(),
        message: message.into(),
    }))
}

/// What the chain says of a call.
#[derive(Default, Clone, Copy)]
struct Told {
    has_ended: bool,
}

pub(super) struct Verification<'a> {
    reading: Reading<'a>,
    report: VerifyReport,
    calls: BTreeMap<i64, Told>,
    /// When each call was erased.
    erased: HashMap<i64, i64>,
    /// The digest of all gaps in the last `prune` record.
    told_gaps: Option<String>,
    /// The roots in checkpoint records, by their positions.
    roots: HashMap<i64, String>,
    additions: Additions,
}

/// Tables, indexes and the like in the file that the log did not make.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Additions {
    Wrong,
    AllowedIfHarmless,
}

const WRONG_TREE: &str = "the saved state of the Merkle tree does not match the records";

/// Kind, name and SQL of a table, index, view or trigger.
type SchemaItem = (String, String, Option<String>);

/// Whether an addition changes neither what is read nor what can be written: statistics of `ANALYZE`, and indexes.
fn is_harmless((kind, name, sql): &SchemaItem) -> bool {
    match kind.as_str() {
        "table" => matches!(name.as_str(), "sqlite_stat1" | "sqlite_stat3" | "sqlite_stat4"),
        // A unique one would refuse records.
        "index" => sql.as_ref().is_some_and(|sql| sql.starts_with("CREATE INDEX ")),
        _ => false,
    }
}

/// The content of a record that belongs to no call.
fn told<T: DeserializeOwned>(position: i64, data: &str) -> Result<T, Stop> {
    json::read(data).or_else(|_| wrong("records", position, "its data does not match its kind"))
}

impl Reading<'_> {
    /// Compares everything.
    pub fn verify(self, log_id: &str, options: &VerifyOptions) -> Result<VerifyReport, LogError> {
        self.compare(log_id, options, Additions::Wrong)
    }

    /// Compares everything, and allows what other programs add without effect on the log.
    pub fn verify_among_others(self, log_id: &str) -> Result<VerifyReport, LogError> {
        self.compare(log_id, &VerifyOptions::default(), Additions::AllowedIfHarmless)
    }

    fn compare(self, log_id: &str, options: &VerifyOptions, additions: Additions) -> Result<VerifyReport, LogError> {
        let mut verification = Verification {
            reading: self,
            report: VerifyReport::default(),
            calls: BTreeMap::new(),
            erased: HashMap::new(),
            told_gaps: None,
            roots: HashMap::new(),
            additions,
        };
        let outcome = verification.run(log_id, options);
        let mut report = verification.report;
        match outcome {
            Ok(()) => report.ok = true,
            Err(Stop::Wrong(problem)) => report.problem = Some(problem),
            Err(Stop::Failed(error)) => return Err(error),
        }
        Ok(report)
    }
}

impl Verification<'_> {
    fn run(&mut self, log_id: &str, options: &VerifyOptions) -> Result<(), Stop> {
        self.check_file()?;
        self.check_schema()?;
        self.check_settings()?;
        self.read_housekeeping()?;
        self.check_chain(log_id, options.checkpoint.as_ref())?;
        self.check_calls()?;
        self.check_tags()?;
        self.check_words()?;
        self.check_checkpoint(log_id, options)
    }

    pub fn connection(&self) -> &Connection {
        self.reading.connection
    }

    fn allows(&self, addition: &SchemaItem) -> bool {
        self.additions == Additions::AllowedIfHarmless && is_harmless(addition)
    }

    /// Pages, tables and indexes, as SQLite knows them.
    fn check_file(&self) -> Result<(), Stop> {
        let mut statement = self.connection().prepare("PRAGMA integrity_check(1)")?;
        let found: String = statement.query_row([], |row| row.get(0))?;
        match found.as_str() {
            "ok" => Ok(()),
            _ => wrong("file", None, found),
        }
    }

    /// Checks that the log's tables, indexes and views are as they were made, and that there are no others.
    fn check_schema(&self) -> Result<(), Stop> {
        let mut fresh = Connection::open_in_memory()?;
        schema::migrate(&mut fresh)?;
        let text_index = TextIndex::of(self.connection())?;
        if text_index == TextIndex::Current {
            TextIndex::create_table(&fresh)?;
        }
        // The schema of an index that cannot be queried is not checked.
        let which = match text_index {
            TextIndex::Outdated | TextIndex::OfUnknownRules => {
                "type NOT IN ('table', 'index') OR tbl_name NOT LIKE 'call\\_texts%' ESCAPE '\\'"
            }
            _ => "1",
        };
        let list = |connection: &Connection| -> Result<Vec<SchemaItem>, LogError> {
            let sql = format!("SELECT type, name, sql FROM sqlite_schema WHERE {which} ORDER BY type, name");
            let mut statement = connection.prepare(&sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        let (expected, found) = (list(&fresh)?, list(self.connection())?);
        let differs = found.iter().find(|item| !expected.contains(item) && !self.allows(item));
        let lacks = expected.iter().find(|item| !found.contains(item));
        match differs.or(lacks) {
            None => Ok(()),
            Some((kind, name, _)) => wrong(
                "sqlite_schema",
                None,
                format!("the {kind} {name} is not as it was made"),
            ),
        }
    }

    /// Checks that only known settings exist. These are: the log's id, with which the chain begins; its key, which
    /// opening has checked; the rules of its full-text index, without which the index is not queried; and the state of
    /// the tree, which is compared with the records.
    fn check_settings(&self) -> Result<(), Stop> {
        let sql = "SELECT name FROM settings WHERE name NOT IN ('log_id', 'wrapped_key', 'word_rules', 'tree')";
        let mut statement = self.connection().prepare(sql)?;
        let mut rows = statement.query([])?;
        match rows.next()? {
            Some(row) => wrong(
                "settings",
                None,
                format!("the setting {} is malformed", row.get::<_, String>(0)?),
            ),
            None if TextIndex::of(self.connection())? == TextIndex::OfUnknownRules => wrong(
                "settings",
                None,
                "the full-text index has no valid word_rules setting; open the log with `access: 'write'` to rebuild it",
            ),
            None => Ok(()),
        }
    }

    /// What the log says of its own gaps and erasures. That nobody else said it, the chain tells.
    fn read_housekeeping(&mut self) -> Result<(), Stop> {
        let connection = self.reading.connection;
        let mut statement = connection
            .prepare("SELECT position, kind, at_us, data FROM records WHERE call_id = 0 ORDER BY position")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (position, kind, at_us): (i64, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let Ok(Some(data)) = row.get::<_, Option<String>>(3) else {
                return wrong("records", position, "its data is gone");
            };
            match kind.as_str() {
                "prune" => {
                    let PruneRecord { calls, gaps } = told(position, &data)?;
                    self.report.pruned_calls = calls;
                    self.told_gaps = Some(gaps);
                }
                "erase" => {
                    let EraseRecord { calls } = told(position, &data)?;
                    self.erased.extend(calls.into_iter().map(|id| (id, at_us)));
                }
                "checkpoint" => {
                    let CheckpointRecord { root } = told(position, &data)?;
                    self.roots.insert(position, root);
                }
                OUTAGE => drop(told::<OutageRecord>(position, &data)?),
                _ => return wrong("records", position, "unknown kind of record"),
            }
        }
        Ok(())
    }

    fn check_chain(&mut self, log_id: &str, checkpoint: Option<&Checkpoint>) -> Result<(), Stop> {
        let mut gaps = self.checked_gaps()?.all;
        let kept = match kept_tree(self.connection()) {
            Err(error) if error.kind == LogErrorKind::Corrupt => return wrong("settings", None, WRONG_TREE),
            kept => kept?,
        };
        let mut is_kept_right = kept.as_ref().is_none_or(|kept| kept.end() == 0);
        let (mut link, mut tree) = (genesis(log_id), Run::at(0));
        let mut last = 0;
        let connection = self.reading.connection;
        let mut statement = connection.prepare(&format!(
            "SELECT {ENTRY}, data, salt, link FROM records ORDER BY position"
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let position: i64 = row.get(0)?;
            if position < 1 {
                return wrong("records", position, "invalid position");
            }
            if position != last + 1 {
                let gap = gaps.remove(&(last + 1)).filter(|gap| gap.last == position - 1);
                let Some(gap) = gap.filter(|gap| tree.append(&gap.run)) else {
                    let message = format!("records {} to {} are missing", last + 1, position - 1);
                    return wrong("records", position, message);
                };
                link = gap.after;
            }
            if let Some(root) = self.roots.get(&position)
                && *root != hex(&tree.root())
            {
                let message = "the records before this checkpoint do not match its root";
                return wrong("records", position, message);
            }
            link = self.check_record(row, position, &link)?;
            last = position;
            tree.push(link);
            if let Some(kept) = kept.as_ref().filter(|kept| kept.end() == tree.end()) {
                is_kept_right = *kept == tree;
            }
            self.report.records += 1;
            self.report.head = hex(&link);
            if let Some(checkpoint) = checkpoint
                && checkpoint.count == position
                && checkpoint.head != self.report.head
            {
                return wrong(
                    "records",
                    position,
                    "the log up to here is not the one of the checkpoint",
                );
            }
        }
        if let Some(first) = gaps.into_keys().next() {
            return wrong("gaps", first, "malformed gap");
        }
        let has_to_be_kept = last >= KEPT_EVERY || self.told_gaps.is_some();
        if !is_kept_right || (has_to_be_kept && kept.is_none()) {
            return wrong("settings", None, WRONG_TREE);
        }
        Ok(())
    }

    /// Checks the gaps, to which the last `prune` record must commit.
    fn checked_gaps(&self) -> Result<Gaps, Stop> {
        let gaps = Gaps::read(self.connection())?;
        let is_told = match &self.told_gaps {
            Some(told) => *told == hex(&gaps.digest()),
            None => gaps.all.is_empty(),
        };
        if is_told {
            Ok(gaps)
        } else {
            wrong("gaps", None, "the gaps do not match the last prune record")
        }
    }

    fn check_record(&mut self, row: &Row<'_>, position: i64, before: &Hash) -> Result<Hash, Stop> {
        let call_id: i64 = row.get(1)?;
        let kind: String = row.get(2)?;
        let (data, salt) = (row.get_ref(8)?, row.get_ref(9)?);
        let digest: Hash = match row.get(7) {
            Ok(digest) => digest,
            Err(_) => return wrong("records", position, "malformed digest"),
        };
        let is_erased = call_id != 0 && self.erased.contains_key(&call_id);
        let salt = match salt {
            ValueRef::Blob(salt) if !is_erased => Some(salt),
            ValueRef::Null if is_erased && data == ValueRef::Null => None,
            ValueRef::Null => return wrong("records", position, "its payload is gone, and no erasure says so"),
            _ => return wrong("records", position, "its payload was erased, and is there"),
        };
        let payload = match kind.as_str() {
            "start" => {
                if position != call_id || self.calls.insert(call_id, Told::default()).is_some() {
                    return wrong("records", position, "the start is not of its call");
                }
                Some(&START_PAYLOAD[..])
            }
            "end" => {
                match self.calls.get_mut(&call_id) {
                    Some(call) if !call.has_ended => call.has_ended = true,
                    _ => return wrong("records", position, "the end is not of its call"),
                }
                Some(&END_PAYLOAD[..])
            }
            "events" | "annotations" if !self.calls.contains_key(&call_id) => {
                return wrong("records", position, "it is of no call");
            }
            _ => None,
        };
        if payload.is_some() && data != ValueRef::Null {
            return wrong("records", position, "it has data of its own");
        }
        if let Some(salt) = salt {
            let found = match payload {
                Some(payload) => self.with_columns(call_id, payload, |values| digest_of(salt, values))?,
                None => digest_of(salt, &[data]),
            };
            if found != digest {
                return match payload {
                    Some(_) => wrong(
                        "calls",
                        call_id,
                        format!("what its {kind} record commits to was changed"),
                    ),
                    None => wrong("records", position, "its payload was changed"),
                };
            }
        }
        let Some(entry) = entry_hash(self.connection(), row)? else {
            return wrong("calls", call_id, "it is missing");
        };
        let link = link(before, &entry);
        match row.get::<_, Hash>(10) {
            Ok(stored) if stored == link => Ok(link),
            _ => {
                let message = match payload {
                    Some(_) => "it, or what it commits to in `calls`, was changed, moved or put in",
                    None => "it was changed, moved or put in",
                };
                wrong("records", position, message)
            }
        }
    }

    fn with_columns<R>(
        &self,
        call_id: i64,
        names: &[&str],
        work: impl FnOnce(&[ValueRef<'_>]) -> R,
    ) -> Result<R, Stop> {
        let sql = format!("SELECT {} FROM calls WHERE id = ?1", names.join(", "));
        let mut statement = self.connection().prepare_cached(&sql)?;
        let mut rows = statement.query([call_id])?;
        let Some(row) = rows.next()? else {
            return wrong("calls", call_id, "it is missing");
        };
        let values: Result<Vec<_>, _> = (0..names.len()).map(|column| row.get_ref(column)).collect();
        Ok(work(&values?))
    }

    /// What no record commits to: that there are no others, and what is empty until the end.
    fn check_calls(&mut self) -> Result<(), Stop> {
        let connection = self.reading.connection;
        let end: Vec<_> = END
            .iter()
            .chain(&END_PAYLOAD)
            .filter(|name| !matches!(**name, "model" | "status"))
            .collect();
        let names: Vec<&str> = end.into_iter().copied().collect();
        let sql = format!(
            "SELECT id, trace_id, status, model = requested_model, erased_at_us, {} FROM calls ORDER BY id",
            names.join(", ")
        );
        let payload_from = 5 + names.len() - END_PAYLOAD.len();
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let Some(told) = self.calls.get(&id) else {
                return wrong("calls", id, "no record speaks of it");
            };
            let is_empty = |from: usize| {
                (from..5 + names.len()).try_fold(true, |empty, column| {
                    Ok::<_, rusqlite::Error>(empty && row.get_ref(column)? == ValueRef::Null)
                })
            };
            if !told.has_ended {
                let (status, is_requested): (String, bool) = (row.get(2)?, row.get(3)?);
                if status != "open" || !is_requested || !is_empty(5)? {
                    return wrong("calls", id, "it has not ended, and says what only its end can");
                }
            }
            let erased_at_us: Option<i64> = row.get(4)?;
            if erased_at_us != self.erased.get(&id).copied() {
                return wrong("calls", id, "when it was erased is not what the erasure says");
            }
            if erased_at_us.is_some() {
                let is_gone = self.with_columns(id, &START_PAYLOAD, |values| {
                    values.iter().all(|value| *value == ValueRef::Null)
                })?;
                if !is_gone || !is_empty(payload_from)? {
                    return wrong("calls", id, "its payload was erased, and is there");
                }
                self.report.erased.push(row.get(1)?);
            }
            self.report.calls += 1;
        }
        if self.report.calls != self.calls.len() as u64 {
            return wrong("calls", None, "a call is missing");
        }
        Ok(())
    }

    fn check_checkpoint(&self, log_id: &str, options: &VerifyOptions) -> Result<(), Stop> {
        let Some(checkpoint) = &options.checkpoint else {
            return Ok(());
        };
        if !checkpoint.is_signed() {
            return wrong("checkpoint", None, "malformed signature");
        }
        if let Some(key) = &options.public_key
            && !key.eq_ignore_ascii_case(&checkpoint.public_key)
        {
            return wrong("checkpoint", None, "it is signed with another key");
        }
        if checkpoint.log_id != log_id {
            return wrong("checkpoint", None, "it is of another log");
        }
        let is_there = self
            .connection()
            .prepare("SELECT 1 FROM records WHERE position = ?1")?
            .exists([checkpoint.count])?;
        if is_there {
            return Ok(());
        }
        let message = if self.reading.end_cursor()?.position < checkpoint.count {
            format!("the log ends before the checkpoint's record {}", checkpoint.count)
        } else {
            format!(
                "the checkpoint's record {} was pruned; pruning keeps only the records of the newest {CHECKPOINTS_KEPT} \
                 checkpoints; verify with a newer checkpoint",
                checkpoint.count
            )
        };
        wrong("records", None, message)
    }
}
