//! Lists of calls: the index that a list follows, and the remaining conditions. Parameters are bound; values from the
//! caller are never part of a statement.

use rusqlite::types::Value;
use rusqlite::{params, params_from_iter};

use super::read::{RECORD, Reading};
use crate::log::cursor::CallPlace;
use crate::log::{CallFilter, CallOrder, CallRecord, LogError};

impl Reading<'_> {
    pub fn calls(&self, filter: &CallFilter) -> Result<Vec<CallRecord>, LogError> {
        if filter.text.is_some() {
            return self.calls_with_text(filter);
        }
        let page = self.page_of(filter)?;
        let limit = filter.limit.unwrap_or(CallFilter::LIMIT_DEFAULT);
        let Selection { sql, values } = page.records(limit);
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut calls = Vec::new();
        while let Some(row) = rows.next()? {
            calls.push(self.record(row)?);
        }
        Ok(calls)
    }

    /// How the calls of a filter are found, without its `text`.
    pub fn page_of<'a>(&self, filter: &'a CallFilter) -> Result<Page<'a>, LogError> {
        let tags: Vec<&str> = filter.tags.iter().flatten().map(String::as_str).collect();
        let path = self.path(filter, &tags)?;
        Ok(Page::new(filter, path, &tags))
    }

    /// The index that a list follows: the index of a condition that only few calls meet, else one with the list's
    /// order.
    fn path<'a>(&self, filter: &'a CallFilter, tags: &[&'a str]) -> Result<Path<'a>, LogError> {
        let otherwise = tags.first().map_or(Path::Calls, |tag| Path::Tag(tag));
        if tags.len() + equalities(filter).count() < 2 {
            return Ok(otherwise);
        }
        let mut fewest = (FEW_CALLS, otherwise);
        for (equality, value) in equalities(filter) {
            let Equality { column, index } = equality;
            let sql = format!("SELECT 1 FROM calls INDEXED BY {index} WHERE {column} = ?1 LIMIT ?2");
            let count = self.count_few(&sql, value)?;
            if count < fewest.0 {
                fewest = (count, Path::Equal(equality));
            }
        }
        for tag in tags {
            let count = self.count_few("SELECT 1 FROM call_tags WHERE tag = ?1 LIMIT ?2", tag)?;
            if count < fewest.0 {
                fewest = (count, Path::Tag(tag));
            }
        }
        Ok(fewest.1)
    }

    /// How many rows an index has for a value, up to [`FEW_CALLS`].
    fn count_few(&self, rows: &str, value: &str) -> Result<i64, LogError> {
        let sql = format!("SELECT count(*) FROM ({rows})");
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement.query_row(params![value, FEW_CALLS], |row| row.get(0))?)
    }
}

/// If fewer calls than this meet a condition, they are looked up one by one.
const FEW_CALLS: i64 = 500;

/// A column that a filter compares, and its index.
#[derive(Clone, Copy)]
struct Equality {
    column: &'static str,
    index: &'static str,
}

/// The equality conditions of a filter.
fn equalities(filter: &CallFilter) -> impl Iterator<Item = (Equality, &str)> {
    [
        ("client_ref", "calls_by_client_ref", filter.client_ref.as_deref()),
        ("parent_trace_id", "calls_by_parent", filter.parent_trace_id.as_deref()),
        (
            "conversation_id",
            "calls_by_conversation",
            filter.conversation_id.as_deref(),
        ),
        ("status", "calls_by_status", filter.status.map(|status| status.as_str())),
        ("model", "calls_by_model", filter.model.as_deref()),
    ]
    .into_iter()
    .filter_map(|(column, index, value)| value.map(|value| (Equality { column, index }, value)))
}

/// The index that a list follows.
#[derive(Clone, Copy)]
enum Path<'a> {
    /// The index that SQLite chooses.
    Calls,
    Equal(Equality),
    Tag(&'a str),
}

/// The tables that a statement reads, and their columns with a call's start and number.
struct Source {
    tables: String,
    start: &'static str,
    id: &'static str,
}

impl Source {
    fn of_calls(tables: impl Into<String>) -> Self {
        Self {
            tables: tables.into(),
            start: "calls.started_at_us",
            id: "calls.id",
        }
    }

    fn of_tags(tables: impl Into<String>) -> Self {
        Self {
            tables: tables.into(),
            start: "tagged.started_at_us",
            id: "tagged.call_id",
        }
    }
}

impl Path<'_> {
    fn source(self) -> Source {
        match self {
            Self::Calls => Source::of_calls("calls"),
            Self::Equal(Equality { index, .. }) => Source::of_calls(format!("calls INDEXED BY {index}")),
            Self::Tag(_) => Source::of_tags("call_tags AS tagged CROSS JOIN calls ON calls.id = tagged.call_id"),
        }
    }
}

/// The calls of a filter, without its `text`, in the order of lists: by start, then by number.
pub(super) struct Page<'a> {
    path: Path<'a>,
    conditions: Selection,
    /// Whether the index of tags answers all conditions.
    needs_tags_only: bool,
    order: CallOrder,
    /// The call after which the list begins.
    pub after: Option<CallPlace>,
}

impl<'a> Page<'a> {
    fn new(filter: &'a CallFilter, path: Path<'a>, tags: &[&str]) -> Self {
        let mut conditions = Selection::default();
        for tag in tags {
            let condition = match path {
                Path::Tag(followed) if followed == *tag => "tagged.tag = ?",
                // Compared with the followed index, so that only calls with all tags are looked up.
                Path::Tag(_) => {
                    "EXISTS (SELECT 1 FROM call_tags AS also WHERE also.tag = ?
                     AND also.started_at_us = tagged.started_at_us AND also.call_id = tagged.call_id)"
                }
                _ => {
                    "EXISTS (SELECT 1 FROM call_tags AS also WHERE also.tag = ?
                     AND also.started_at_us = calls.started_at_us AND also.call_id = calls.id)"
                }
            };
            conditions.add(condition, [Value::Text((*tag).to_owned())]);
        }
        for (Equality { column, .. }, value) in equalities(filter) {
            conditions.add(&format!("calls.{column} = ?"), [Value::Text(value.to_owned())]);
        }
        let Source { start, .. } = path.source();
        let (since, until) = filter.starts_us();
        for (bound, compares) in [(since, ">="), (until, "<")] {
            if let Some(bound) = bound {
                conditions.add(&format!("{start} {compares} ?"), [Value::Integer(bound)]);
            }
        }
        Self {
            path,
            conditions,
            needs_tags_only: matches!(path, Path::Tag(_)) && equalities(filter).next().is_none(),
            order: filter.order.unwrap_or_default(),
            after: filter.place(),
        }
    }

    /// The records of these calls.
    fn records(&self, limit: usize) -> Selection {
        self.statement(Some(RECORD), self.path.source(), None, self.after, limit)
    }

    /// The start and number of each call after `after`.
    pub fn places(&self, after: Option<CallPlace>, limit: usize) -> Selection {
        let source = match self.path {
            Path::Tag(_) if self.needs_tags_only => Source::of_tags("call_tags AS tagged"),
            path => path.source(),
        };
        self.statement(None, source, None, after, limit)
    }

    /// The start and number of each call whose number is in `ids`, a JSON array.
    pub fn places_of(&self, ids: String, limit: usize) -> Selection {
        const WANTED: &str = "json_each(?) AS wanted CROSS JOIN calls ON calls.id = wanted.value";
        let source = match self.path {
            Path::Calls | Path::Equal(_) => Source::of_calls(WANTED),
            Path::Tag(_) => Source::of_tags(format!(
                "{WANTED} CROSS JOIN call_tags AS tagged
                 ON tagged.started_at_us = calls.started_at_us AND tagged.call_id = calls.id"
            )),
        };
        self.statement(None, source, Some(Value::Text(ids)), self.after, limit)
    }

    fn statement(
        &self,
        columns: Option<&str>,
        Source { tables, start, id }: Source,
        of: Option<Value>,
        after: Option<CallPlace>,
        limit: usize,
    ) -> Selection {
        let (direction, beyond) = match self.order {
            CallOrder::Newest => ("DESC", "<"),
            CallOrder::Oldest => ("ASC", ">"),
        };
        let mut selection = Selection {
            sql: self.conditions.sql.clone(),
            values: of.into_iter().chain(self.conditions.values.iter().cloned()).collect(),
        };
        if let Some(CallPlace {
            started_at_us,
            id: last,
        }) = after
        {
            selection.add(
                &format!("({start}, {id}) {beyond} (?, ?)"),
                [Value::Integer(started_at_us), Value::Integer(last)],
            );
        }
        selection
            .values
            .push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
        let columns = columns.map_or_else(|| format!("{start}, {id}"), str::to_owned);
        let conditions = if selection.sql.is_empty() { "1" } else { &selection.sql };
        selection.sql = format!(
            "SELECT {columns} FROM {tables} WHERE {conditions} ORDER BY {start} {direction}, {id} {direction} LIMIT ?"
        );
        selection
    }
}

/// Conditions, or a whole statement, with its bound values.
#[derive(Default)]
pub(super) struct Selection {
    pub sql: String,
    pub values: Vec<Value>,
}

impl Selection {
    fn add<const COUNT: usize>(&mut self, condition: &str, values: [Value; COUNT]) {
        if !self.sql.is_empty() {
            self.sql.push_str(" AND ");
        }
        self.sql.push_str(condition);
        self.values.extend(values);
    }
}
