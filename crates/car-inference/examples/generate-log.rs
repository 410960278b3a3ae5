//! A log of many calls, for `npm run bench:log` to ask: written by the writer that every log has, through its public interface.
//! What is rare lies at the beginning, where a list of the newest finds it last; `bench/log/generated.mjs` knows the names.
//! `cargo run -p car-inference --release --example generate-log -- calls.db 1000000 text-index`

use std::sync::Arc;

use car_inference::log::{
    AttemptRecord, CallStart, CallStatus, Durability, Ending, EventLog, LogError, LogStore, SqliteLog,
    SqliteLogOptions, Stamp,
};
use car_inference::stream::{EventRef, StopReason};
use car_inference::{Completion, ErrorCode, Failure, GenerateRequest, TokenUsage};

/// 1 January 2026, in microseconds since the Unix epoch.
const FIRST_START_US: u64 = 1_767_225_600_000_000;
const DAYS_30_US: u64 = 30 * 24 * 60 * 60 * 1_000_000;
const DELTAS: u64 = 5;
/// So many calls wait to be written at most.
const CALLS_WAITING_MAX: u64 = 5_000;
/// So many calls have what is rare.
const RARE: u64 = 20;

const WORDS: [&str; 32] = [
    "answer", "river", "stone", "paper", "light", "seven", "under", "large", "small", "green", "quick", "quiet",
    "north", "south", "metal", "cloud", "train", "house", "plant", "table", "music", "water", "field", "glass",
    "story", "horse", "money", "night", "point", "world", "chair", "bread",
];

/// One after the other, the same each time (splitmix64).
fn scattered(number: u64) -> u64 {
    let mut bits = number
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// So many words, the first of which is in all texts.
fn sentence(seed: u64, words: u64) -> String {
    let picked = (1..words).map(|word| WORDS[(scattered(seed ^ (word << 40)) % 32) as usize]);
    std::iter::once(WORDS[0]).chain(picked).collect::<Vec<_>>().join(" ")
}

/// One call of the log.
struct Generated {
    number: u64,
    /// Whether it has what only few calls have.
    is_rare: bool,
}

impl Generated {
    fn new(number: u64, calls: u64) -> Self {
        let every = (calls / 10 / RARE).max(1);
        Self {
            number,
            is_rare: number < every * RARE && number.is_multiple_of(every),
        }
    }

    /// Of 100.
    fn share(&self, of_what: u64) -> u64 {
        scattered(self.number ^ (of_what << 56)) % 100
    }

    /// `model-broken` answers in rare calls only; `model-rare` is in no others.
    fn model(&self) -> &'static str {
        if self.is_rare {
            return if self.share(4) < 50 {
                "model-rare"
            } else {
                "model-broken"
            };
        }
        match self.share(1) {
            0..50 => "model-large",
            50..70 => "model-small",
            70..90 => "model-other",
            _ => "model-broken",
        }
    }

    fn status(&self) -> CallStatus {
        match (self.is_rare, self.model(), self.share(2)) {
            (true, "model-rare", _) => CallStatus::Timeout,
            (true, ..) => CallStatus::Done,
            (_, "model-broken", _) => CallStatus::Failed,
            (.., 0..95) => CallStatus::Done,
            (.., 95..98) => CallStatus::Cancelled,
            _ => CallStatus::Failed,
        }
    }

    /// `left` and `right` are together in rare calls only; `rare` is in no others.
    fn tags(&self) -> Vec<String> {
        let tags: &[&str] = match (self.is_rare, self.share(3)) {
            (true, _) => &["production", "left", "right", "rare"],
            (_, 0..20) => &["production", "left"],
            (_, 20..40) => &["production", "right"],
            (_, 40..80) => &["production"],
            _ => &["staging"],
        };
        tags.iter().map(ToString::to_string).collect()
    }

    fn trace_id(number: u64, step_us: u64) -> String {
        format!("{:016x}{number:016x}", FIRST_START_US + number * step_us)
    }

    fn request(&self, step_us: u64) -> GenerateRequest {
        let rare = if self.is_rare { " zanzibar" } else { "" };
        let parent = (self.number % 10 == 9).then(|| Self::trace_id(self.number / 10 * 10, step_us));
        GenerateRequest {
            prompt: sentence(self.number, 40) + rare,
            model: Some(self.model().into()),
            client_ref: Some(format!("request-{}", self.number)),
            conversation_id: Some(format!("conversation-{}", self.number / 10)),
            parent_trace_id: parent,
            tags: self.tags(),
            ..GenerateRequest::default()
        }
    }

    fn record(&self, log: &SqliteLog, step_us: u64) -> Result<(), LogError> {
        let (model, status) = (self.model().to_owned(), self.status());
        let call = log.start(&CallStart {
            trace_id: Self::trace_id(self.number, step_us),
            model: model.clone(),
            hint: None,
            provider: Some("bench".into()),
            started_at_us: FIRST_START_US + self.number * step_us,
            request: Arc::new(self.request(step_us)),
        })?;
        let attempt = AttemptRecord {
            attempt: 1,
            model: model.clone(),
            usage: None,
            failure: None,
        };
        call.attempt(0, &attempt)?;
        let stamp = |seq| Stamp {
            seq,
            at_us: seq * 20_000,
            attempt: 1,
        };
        let mut text = String::new();
        for seq in 1..=DELTAS {
            let delta = sentence(self.number ^ (seq << 32), 12) + " ";
            call.event(stamp(seq), EventRef::TextDelta(&delta))?;
            text += &delta;
        }
        let is_done = status == CallStatus::Done;
        let ending = Ending {
            status,
            completion: Completion {
                text,
                model_used: model,
                usage: is_done.then(|| TokenUsage {
                    input_tokens: Some(40),
                    output_tokens: Some(60),
                    ..TokenUsage::default()
                }),
                stop_reason: is_done.then_some(StopReason::Stop),
                ..Completion::default()
            },
            failure: (status == CallStatus::Failed).then(|| Failure::new(ErrorCode::RunnerFailed, "overloaded")),
        };
        call.end(stamp(DELTAS + 1), &Arc::new(ending)).map(drop)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, calls, text_index] = arguments.as_slice() else {
        return Err("give a path, how many calls, and `text-index` or `no-text-index`".into());
    };
    let calls: u64 = calls.parse()?;
    let step_us = DAYS_30_US / calls.max(1);
    let options = SqliteLogOptions {
        durability: Some(Durability::Relaxed),
        full_text_search: Some(text_index == "text-index"),
        ..SqliteLogOptions::default()
    };
    let log = SqliteLog::open(path, options)?;
    for number in 0..calls {
        Generated::new(number, calls).record(&log, step_us)?;
        // Far less than may wait: a disk that is busy for a second would fail a call.
        if number.is_multiple_of(CALLS_WAITING_MAX) {
            log.flush()?;
        }
    }
    log.close()?;
    Ok(())
}
