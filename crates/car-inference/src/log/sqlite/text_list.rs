//! Lists of calls with a text filter, in the order of all lists. The full-text index has another order, that of the
//! calls' numbers, so it is not followed. If few calls have the words, all of them are taken and sorted. Else the list
//! is followed as without the text filter, and the index says which calls of each section have the words.

use rusqlite::{Row, params, params_from_iter};

use super::list::{Page, Selection};
use super::read::Reading;
use super::text_index::{TextIndex, match_expression};
use crate::log::cursor::CallPlace;
use crate::log::search::Phrases;
use crate::log::{CallFilter, CallRecord, LogError};

/// If fewer calls than this have the words, all of them are taken at once.
const FEW_MATCHES: usize = 2_000;

/// How many calls are examined in one section: in the first one, and at most. Each section is four times as long as the
/// last.
const STRETCH_MIN: usize = 256;
const STRETCH_MAX: usize = 16_384;

/// If a list is expected to examine more calls than this, it first checks whether only few calls have the words.
const CALLS_TO_LOOK_AT_MAX: usize = 8_192;

/// Calls whose numbers differ by at most this are looked up together. A larger gap costs about as much as another
/// query.
const GAP_MAX: i64 = 256;

impl Reading<'_> {
    pub fn calls_with_text(&self, filter: &CallFilter) -> Result<Vec<CallRecord>, LogError> {
        TextIndex::of(self.connection)?.check()?;
        let phrases = Phrases::parse(filter.text.as_deref().unwrap_or_default());
        let search = Search {
            reading: self,
            page: self.page_of(filter)?,
            words: match_expression(&phrases),
            limit: filter.limit.unwrap_or(CallFilter::LIMIT_DEFAULT),
        };
        let calls = search.places()?.into_iter().map(|place| self.call(place.id));
        calls.filter_map(Result::transpose).collect()
    }
}

struct Search<'a> {
    reading: &'a Reading<'a>,
    page: Page<'a>,
    /// The query of the index.
    words: String,
    limit: usize,
}

impl Search<'_> {
    /// The places of the calls, in the list's order.
    fn places(&self) -> Result<Vec<CallPlace>, LogError> {
        let mut found = Vec::new();
        let mut after = self.page.after;
        let mut stretch = STRETCH_MIN;
        let (mut looked_at, mut may_be_few) = (0, true);
        while found.len() < self.limit {
            let selection = self.page.places(after, stretch);
            let calls = self.read_places(selection)?;
            let is_last = calls.len() < stretch;
            looked_at += calls.len();
            after = calls.last().copied();
            found.extend(self.with_words(calls)?);
            if is_last || found.len() >= self.limit {
                break;
            }
            // Not when the list is almost complete, because counting the calls with the words takes time too.
            let to_look_at = looked_at.saturating_mul(self.limit).checked_div(found.len());
            if to_look_at.is_none_or(|calls| calls > CALLS_TO_LOOK_AT_MAX)
                && std::mem::take(&mut may_be_few)
                && let Some(ids) = self.few()?
            {
                let selection = self.page.places_of(ids, self.limit);
                return self.read_places(selection);
            }
            stretch = (stretch * 4).min(STRETCH_MAX);
        }
        found.truncate(self.limit);
        Ok(found)
    }

    fn read_places(&self, Selection { sql, values }: Selection) -> Result<Vec<CallPlace>, LogError> {
        let mut statement = self.reading.connection.prepare_cached(&sql)?;
        let places = statement.query_map(params_from_iter(values), place)?;
        Ok(places.collect::<Result<_, _>>()?)
    }

    /// The numbers of all calls that have the words, as a JSON array; `None` when there are many.
    fn few(&self) -> Result<Option<String>, LogError> {
        let mut statement = self
            .reading
            .connection
            .prepare_cached("SELECT rowid FROM call_texts WHERE call_texts MATCH ?1 LIMIT ?2")?;
        let rows = statement.query_map(params![self.words, FEW_MATCHES as i64], |row| row.get::<_, i64>(0))?;
        let ids = rows
            .map(|id| Ok(id?.to_string()))
            .collect::<Result<Vec<_>, LogError>>()?;
        Ok((ids.len() < FEW_MATCHES).then(|| format!("[{}]", ids.join(","))))
    }

    /// The calls of `calls` that have the words.
    fn with_words(&self, mut calls: Vec<CallPlace>) -> Result<Vec<CallPlace>, LogError> {
        let mut ids: Vec<i64> = calls.iter().map(|call| call.id).collect();
        ids.sort_unstable();
        let mut statement = self.reading.connection.prepare_cached(
            "SELECT rowid FROM call_texts WHERE call_texts MATCH ?1 AND rowid BETWEEN ?2 AND ?3 ORDER BY rowid",
        )?;
        let mut matching: Vec<i64> = Vec::new();
        for near in ids.chunk_by(|one, next| next.saturating_sub(*one) <= GAP_MAX) {
            let (Some(first), Some(last)) = (near.first(), near.last()) else {
                continue;
            };
            let rows = statement.query_map(params![self.words, first, last], |row| row.get(0))?;
            for id in rows {
                matching.push(id?);
            }
        }
        calls.retain(|call| matching.binary_search(&call.id).is_ok());
        Ok(calls)
    }
}

fn place(row: &Row<'_>) -> rusqlite::Result<CallPlace> {
    Ok(CallPlace {
        started_at_us: row.get(0)?,
        id: row.get(1)?,
    })
}
