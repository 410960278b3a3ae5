//! Lists of calls whose text has certain words, in the order of all lists. The index of words has another order, that of the
//! calls' numbers, so it is not followed. Of words that few calls have, all calls are taken and put in order; else the list is
//! followed as if there were no words, and the index is asked which calls of each stretch have them.

use rusqlite::{Row, params, params_from_iter};

use super::list::{Page, Selection};
use super::read::Reading;
use super::text_index::{TextIndex, match_expression};
use crate::log::cursor::CallPlace;
use crate::log::search::Phrases;
use crate::log::{CallFilter, CallRecord, LogError};

/// Calls with words that fewer have are taken all at once.
const FEW_MATCHES: usize = 2_000;

/// So many calls are looked at in one stretch: at first, and at most. Each is four times as long as the one before.
const STRETCH_MIN: usize = 256;
const STRETCH_MAX: usize = 16_384;

/// When a list seems to need a look at more calls, it is found out first whether only few have the words.
const CALLS_TO_LOOK_AT_MAX: usize = 8_192;

/// Calls whose numbers are not farther apart are asked for together. About what asking once more costs.
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
    /// Where the calls are, in the list's order.
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
            // Not while the list is about to be complete: counting the calls that have the words takes time too.
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

    /// The numbers of all calls that have the words, as a JSON array; nothing when there are many.
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

    /// Those of `calls` that have the words.
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
