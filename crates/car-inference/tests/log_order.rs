//! Goal: every list of calls has one order, by start and then by number, and one kind of cursor, whatever the filter.
//! Method: calls that were recorded in another order than they started, many at the same time; each list against a sorted model,
//! and each cursor in each other list.
#![allow(clippy::unwrap_used, reason = "only tests read this")]

mod support;

use std::sync::Arc;

use car_inference::log::{
    CallFilter, CallOrder, Durability, LogErrorKind, LogStore, MemoryLogLimits, PruneOptions, TailItem,
};
use car_inference::{CallStatus, GenerateRequest, MemoryLog, SqliteLogOptions};
use proptest::prelude::*;
use support::logs::{begin, call, open, unredacted, with_words};
use support::text;

/// A call as the model knows it.
#[derive(Debug, Clone)]
struct Known {
    started_at_us: u64,
    /// Of the words, models and tags of these lists.
    words: &'static str,
    is_done: bool,
    is_tagged: bool,
}

const FIRST_US: u64 = 1_700_000_000_000_000;

/// Logs of every kind that were told the same calls, in this order.
struct Logs {
    known: Vec<Known>,
    logs: Vec<Arc<dyn LogStore>>,
    _folder: tempfile::TempDir,
}

impl Logs {
    fn new(known: Vec<Known>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteLogOptions {
            durability: Some(Durability::Relaxed),
            ..unredacted(with_words())
        };
        let limits = MemoryLogLimits {
            calls_max: usize::MAX,
            bytes_max: usize::MAX,
        };
        let logs: Vec<Arc<dyn LogStore>> = vec![
            Arc::new(MemoryLog::new(limits)),
            Arc::new(open(&folder.path().join("calls.db"), options).unwrap()),
        ];
        for (number, known) in known.iter().enumerate() {
            let request = GenerateRequest {
                prompt: known.words.into(),
                tags: if known.is_tagged {
                    vec!["tagged".into(), "all".into()]
                } else {
                    vec!["all".into()]
                },
                ..GenerateRequest::default()
            };
            let status = if known.is_done {
                CallStatus::Done
            } else {
                CallStatus::Cancelled
            };
            let mut made = call(number as u64, status, request, vec![text("said")]);
            made.start.started_at_us = known.started_at_us;
            for log in &logs {
                let _committed_later = begin(&**log, &made).end(made.ended, &made.ending).unwrap();
                // So that the queue of the durable log does not fill.
                if number % 500 == 0 {
                    log.flush().unwrap();
                }
            }
        }
        Self {
            known,
            logs,
            _folder: folder,
        }
    }

    /// The numbers of the calls of a filter, in its order, after the call `after`.
    fn expected(&self, filter: &CallFilter, after: Option<usize>) -> Vec<usize> {
        let place = |number: &usize| (self.known[*number].started_at_us, *number);
        let is_newest = filter.order.unwrap_or_default() == CallOrder::Newest;
        let mut numbers: Vec<usize> = (0..self.known.len()).collect();
        numbers.sort_by_key(place);
        if is_newest {
            numbers.reverse();
        }
        numbers.retain(|number| match after {
            Some(after) if is_newest => place(number) < place(&after),
            Some(after) => place(number) > place(&after),
            None => true,
        });
        numbers.retain(|number| {
            let Known {
                started_at_us,
                words,
                is_done,
                is_tagged,
            } = &self.known[*number];
            let ms = *started_at_us as f64 / 1_000.0;
            filter
                .text
                .iter()
                .all(|text| text.split(' ').all(|word| words.split(' ').any(|said| said == word)))
                && filter
                    .status
                    .is_none_or(|status| (status == CallStatus::Done) == *is_done)
                && filter.tags.iter().flatten().all(|tag| tag == "all" || *is_tagged)
                && filter.since.is_none_or(|since| ms >= since)
                && filter.until.is_none_or(|until| ms < until)
        });
        numbers.truncate(filter.limit.unwrap_or(CallFilter::LIMIT_DEFAULT));
        numbers
    }

    /// Asserts that every log lists what the model does.
    fn check(&self, filter: &CallFilter) {
        for log in &self.logs {
            assert_eq!(numbers(&**log, filter), self.expected(filter, None), "{filter:?}");
        }
    }

    /// Asserts that a list goes on after a call, whose cursor came from another list.
    fn check_after(&self, filter: &CallFilter, after: usize) {
        for log in &self.logs {
            let cursor = log.call(&format!("{after:032x}")).unwrap().unwrap().cursor;
            let filter = CallFilter {
                cursor: Some(cursor),
                ..filter.clone()
            };
            assert_eq!(
                numbers(&**log, &filter),
                self.expected(&filter, Some(after)),
                "{filter:?} after {after}"
            );
        }
    }

    /// Asserts that pages of this size are together the whole list.
    fn check_pages(&self, filter: &CallFilter, size: usize) {
        let whole = CallFilter {
            limit: Some(usize::MAX),
            ..filter.clone()
        };
        for log in &self.logs {
            let mut page = CallFilter {
                limit: Some(size),
                ..filter.clone()
            };
            let mut paged = Vec::new();
            loop {
                let calls = log.calls(&page).unwrap();
                let Some(last) = calls.last() else { break };
                page.cursor = Some(last.cursor.clone());
                paged.extend(calls.iter().map(|call| number_of(&call.trace_id)));
            }
            assert_eq!(paged, self.expected(&whole, None), "{filter:?} by {size}");
        }
    }
}

fn number_of(trace_id: &str) -> usize {
    usize::from_str_radix(trace_id, 16).unwrap()
}

fn numbers(log: &dyn LogStore, filter: &CallFilter) -> Vec<usize> {
    let calls = log.calls(filter).unwrap();
    calls.iter().map(|call| number_of(&call.trace_id)).collect()
}

/// A word that all have, one that half of them have, and words that few have.
const WORDS: [&str; 4] = ["every other", "every 北", "every other rare", "every"];

fn known(start: u64, kind: usize) -> Known {
    Known {
        started_at_us: FIRST_US + start,
        words: WORDS[kind % 4],
        is_done: !kind.is_multiple_of(3),
        is_tagged: kind.is_multiple_of(5),
    }
}

fn filter() -> impl Strategy<Value = CallFilter> {
    let text = prop::option::weighted(
        0.7,
        prop::sample::select(vec!["every", "other", "rare", "北", "rare every", "missing"]),
    );
    let tags = prop::option::weighted(0.4, prop::sample::select(vec!["all", "tagged"]));
    let status = prop::option::weighted(0.3, prop::sample::select(vec![CallStatus::Done, CallStatus::Cancelled]));
    let ms = || prop::option::weighted(0.2, (0..8_u64).prop_map(|us| (FIRST_US + us) as f64 / 1_000.0));
    (
        text,
        tags,
        status,
        ms(),
        ms(),
        prop::option::of(0..6_usize),
        any::<bool>(),
    )
        .prop_map(|(text, tags, status, since, until, limit, is_oldest)| CallFilter {
            text: text.map(Into::into),
            tags: tags.map(|tag| vec![tag.into()]),
            status,
            since,
            until,
            limit,
            order: is_oldest.then_some(CallOrder::Oldest),
            ..CallFilter::default()
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_list_has_the_order_of_starts_and_goes_on_from_the_cursor_of_any_other(
        calls in prop::collection::vec((0..8_u64, 0..30_usize), 1..14),
        lists in prop::collection::vec((filter(), any::<prop::sample::Index>(), 1..5_usize), 1..12),
    ) {
        let logs = Logs::new(calls.into_iter().map(|(start, kind)| known(start, kind)).collect());
        for (filter, after, size) in lists {
            logs.check(&filter);
            logs.check_after(&filter, after.index(logs.known.len()));
            logs.check_pages(&filter, size);
        }
    }
}

#[test]
fn lists_by_words_of_many_calls_have_the_order_of_all_lists() {
    // Recorded in an order that has nothing to do with their starts, four of which are always the same.
    let count = 2_600_u64;
    let calls = (0..count).map(|number| {
        known(
            number * 7_919 % count / 4,
            if number % 130 == 3 {
                2
            } else {
                number as usize * 4 % 60 + number as usize % 2
            },
        )
    });
    let logs = Logs::new(calls.collect());
    let filters = ["every", "other", "rare", "北", "every other", "every missing"].map(|text| CallFilter {
        text: Some(text.into()),
        ..CallFilter::default()
    });
    for filter in filters {
        for order in [CallOrder::Newest, CallOrder::Oldest] {
            let filter = CallFilter {
                order: Some(order),
                ..filter.clone()
            };
            let narrower = CallFilter {
                tags: Some(vec!["tagged".into()]),
                status: Some(CallStatus::Cancelled),
                ..filter.clone()
            };
            for filter in [filter, narrower] {
                logs.check(&filter);
                for (limit, after) in [(700, 1_234), (usize::MAX, 2_599)] {
                    let filter = CallFilter {
                        limit: Some(limit),
                        ..filter.clone()
                    };
                    logs.check(&filter);
                    logs.check_after(&filter, after);
                }
            }
        }
    }
    logs.check_pages(
        &CallFilter {
            text: Some("other".into()),
            ..CallFilter::default()
        },
        400,
    );
}

#[test]
fn a_list_that_is_being_read_neither_repeats_nor_skips_while_calls_come_and_go() {
    let Logs { logs, _folder, .. } = Logs::new((0..12).map(|number| known(number, 0)).collect());
    for log in logs {
        let mut page = CallFilter {
            text: Some("every".into()),
            limit: Some(2),
            ..CallFilter::default()
        };
        let mut seen = Vec::new();
        loop {
            let calls = log.calls(&page).unwrap();
            let Some(last) = calls.last() else { break };
            page.cursor = Some(last.cursor.clone());
            seen.extend(calls.iter().map(|call| number_of(&call.trace_id)));
            // One that starts now, and one that an import brings from before everything.
            for (number, start) in [
                (100 + seen.len() as u64, FIRST_US + 1_000),
                (200 + seen.len() as u64, FIRST_US),
            ] {
                let request = GenerateRequest {
                    prompt: "every".into(),
                    ..GenerateRequest::default()
                };
                let mut made = call(number, CallStatus::Done, request, vec![]);
                made.start.started_at_us = start;
                if number < 200 || seen.len() == 2 {
                    assert!(log.restore(made).unwrap());
                }
            }
        }
        // The older one started with the first call and was recorded after it.
        assert_eq!(seen, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 202, 0]);
    }
}

#[test]
fn a_cursor_stays_valid_when_its_call_is_pruned() {
    let Logs { logs, _folder, .. } = Logs::new((0..4).map(|number| known(number, 0)).collect());
    for log in logs {
        let cursor = log.call(&format!("{:032x}", 1)).unwrap().unwrap().cursor;
        log.prune(&PruneOptions {
            max_calls: Some(2),
            ..PruneOptions::default()
        })
        .unwrap();
        for (order, expected) in [(CallOrder::Newest, vec![]), (CallOrder::Oldest, vec![2, 3])] {
            let filter = CallFilter {
                cursor: Some(cursor.clone()),
                order: Some(order),
                ..CallFilter::default()
            };
            assert_eq!(numbers(&*log, &filter), expected);
        }
    }
}

fn cursor_of(item: &TailItem) -> &str {
    match item {
        TailItem::CallStart { cursor, .. } | TailItem::Event { cursor, .. } | TailItem::CallEnd { cursor, .. } => {
            cursor
        }
    }
}

#[test]
fn a_cursor_that_is_not_of_this_log_is_refused_and_the_error_says_what_to_pass() {
    let made = || Logs::new((0..3).map(|number| known(number, 0)).collect());
    let (mine, others) = (made(), made());
    for log in &mine.logs {
        let call = log.call(&format!("{:032x}", 1)).unwrap().unwrap().cursor;
        let item = cursor_of(&log.tail(None, 1).unwrap().items[0]).to_owned();
        let end = log.end_cursor().unwrap();
        let mut wrong: Vec<String> = [
            "",
            "x",
            "1.1",
            "0.0",
            "1-1",
            "..",
            "1.1.1",
            "-1.1.00000000",
            "1.1.zzzzzzzz",
        ]
        .map(Into::into)
        .into();
        wrong.extend([
            format!("{call} "),
            format!("0{call}"),
            format!("{call}.1"),
            call.to_uppercase() + "x",
        ]);
        for other in others
            .logs
            .iter()
            .chain(mine.logs.iter().filter(|other| !Arc::ptr_eq(log, other)))
        {
            wrong.push(other.call(&format!("{:032x}", 1)).unwrap().unwrap().cursor);
            wrong.extend(
                other
                    .tail(None, 9)
                    .unwrap()
                    .items
                    .iter()
                    .map(|item| cursor_of(item).to_owned()),
            );
            wrong.push(other.end_cursor().unwrap());
        }
        for cursor in wrong.iter().chain([&item, &end]) {
            let filter = CallFilter {
                cursor: Some(cursor.clone()),
                ..CallFilter::default()
            };
            let error = log.calls(&filter).unwrap_err();
            assert_eq!(error.kind, LogErrorKind::InvalidInput, "{cursor:?}");
            assert!(
                error
                    .message
                    .ends_with("invalid cursor; pass the `cursor` of a call from this log"),
                "{error}"
            );
            assert_eq!(log.check_filter(&filter)[0].path, "cursor");
        }
        for cursor in wrong.iter().chain([&call]) {
            let error = log.tail(Some(cursor), 9).unwrap_err();
            assert_eq!(error.kind, LogErrorKind::InvalidInput, "{cursor:?}");
            assert!(
                error
                    .message
                    .ends_with("pass the `cursor` of an item of `tail` from this log"),
                "{error}"
            );
        }
        assert!(log.tail(Some(&item), 9).is_ok() && log.tail(Some(&end), 9).is_ok());
    }
}
