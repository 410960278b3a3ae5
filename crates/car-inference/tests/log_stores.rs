//! Goal: every log holds what was recorded and answers alike, whatever it is kept in.
//! Method: one suite, run against each log; calls made through an engine.
#![allow(clippy::unwrap_used, reason = "each body is the test of several logs")]
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "lists of ids read alike, however many there are"
)]

mod support;

use std::sync::Arc;

use car_inference::log::sqlite::LogKey;
use car_inference::log::transfer::{self, Importer};
use car_inference::log::{
    CallFilter, CallOrder, Durability, EraseTarget, EventRange, LogErrorKind, LogStore, PruneOptions, TailItem,
};
use car_inference::testing::{Script, ScriptedRunner};
use car_inference::{
    CallStatus, GenerateRequest, InferenceEngine, MemoryLog, ModelSchema, SqliteLog, SqliteLogOptions, StreamEvent,
};
use support::{delta, drain, end, hi, input_tokens, start, text};

/// A log under test, and where it lies.
struct Subject {
    log: Arc<dyn LogStore>,
    engine: InferenceEngine,
    runner: ScriptedRunner,
    _folder: tempfile::TempDir,
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.runner.forget_emitters();
    }
}

/// How a log is made: what it is, and the engine that records to it.
type Make = fn(&std::path::Path) -> (Arc<dyn LogStore>, Recording);
type Recording = Box<dyn FnOnce(car_inference::InferenceEngineBuilder) -> car_inference::InferenceEngineBuilder>;

fn memory(_folder: &std::path::Path) -> (Arc<dyn LogStore>, Recording) {
    let log = MemoryLog::default();
    (Arc::new(log.clone()), Box::new(|builder| builder.event_log(log)))
}

fn sqlite(folder: &std::path::Path, options: SqliteLogOptions) -> (Arc<dyn LogStore>, Recording) {
    let log = SqliteLog::open(folder.join("calls.db").to_str().unwrap(), options).unwrap();
    (Arc::new(log.clone()), Box::new(|builder| builder.event_log(log)))
}

fn with(durability: Durability) -> SqliteLogOptions {
    SqliteLogOptions {
        durability: Some(durability),
        full_text_search: Some(true),
        ..SqliteLogOptions::default()
    }
}

fn subject(make: Make, scripts: impl IntoIterator<Item = Script>) -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let (log, recording) = make(folder.path());
    let runner = ScriptedRunner::new(scripts);
    let builder = InferenceEngine::builder()
        .model(ModelSchema {
            provider: Some("openai".into()),
            pricing: Some(car_inference::ModelPricing {
                input: 2.0,
                ..Default::default()
            }),
            ..ModelSchema::delegated("gpt-5", Some("openai"))
        })
        .model(ModelSchema::delegated("claude", Some("anthropic")))
        .runner(Arc::new(runner.clone()));
    let engine = recording(builder).build();
    Subject {
        log,
        engine,
        runner,
        _folder: folder,
    }
}

fn rich() -> Script {
    Script::new()
        .emit(StreamEvent::ReasoningDelta {
            index: 0,
            text: "hm".into(),
            signature: None,
        })
        .emit(StreamEvent::ReasoningDelta {
            index: 0,
            text: String::new(),
            signature: Some("s=".into()),
        })
        .text("grüße ")
        .text("\u{0}\"quoted\"\n🙂")
        .emit(start(0, "f"))
        .emit(delta(0, r#"{"a":"#))
        .emit(delta(0, "1}"))
        .emit(end(0))
        .emit(StreamEvent::ProviderEvent {
            name: Some("raw".into()),
            data: serde_json::json!({ "n": 12_345_678_901_234_567_u64, "f": 0.1, "deep": [[[1]]] }),
        })
        .emit(input_tokens(3))
        .done("")
        .done("")
}

fn tagged(tags: &[&str]) -> GenerateRequest {
    GenerateRequest {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..hi()
    }
}

async fn run(subject: &Subject, request: GenerateRequest) -> String {
    let mut stream = subject.engine.generate_tracked_stream(request).await.unwrap();
    let _ended = drain(&mut stream).await;
    stream.trace_id.clone()
}

fn ids(log: &dyn LogStore, filter: &CallFilter) -> Vec<String> {
    log.calls(filter)
        .unwrap()
        .into_iter()
        .map(|call| call.trace_id)
        .collect()
}

async fn a_call_is_found_whole(make: Make) {
    let subject = subject(make, [rich()]);
    let request = GenerateRequest {
        client_ref: Some("ref".into()),
        conversation_id: Some("talk".into()),
        parent_trace_id: Some("p".into()),
        ..tagged(&["a", "b"])
    };
    let mut stream = subject.engine.generate_tracked_stream(request.clone()).await.unwrap();
    let (delivered, error) = drain(&mut stream).await;
    assert_eq!(error, None);
    let trace_id = stream.trace_id.clone();
    let record = subject.log.call(&trace_id).unwrap().unwrap();
    assert_eq!(record.request, Some(request));
    assert_eq!((record.status, record.model.as_str()), (CallStatus::Done, "gpt-5"));
    assert_eq!(
        (record.hint.as_deref(), record.provider.as_deref()),
        (Some("openai"), Some("openai"))
    );
    assert_eq!(record.tags, ["a", "b"]);
    assert_eq!(record.text.as_deref(), Some("grüße \u{0}\"quoted\"\n🙂"));
    assert_eq!(record.tool_calls.len(), 1);
    assert_eq!(record.usage.unwrap().input_tokens, Some(3));
    assert_eq!(record.cost_micro_usd, Some(6));
    assert_eq!(record.attempts.len(), 1);
    assert_eq!(record.verdicts.len(), 1);
    assert_eq!(
        record.notes.iter().map(|note| note.code.as_str()).collect::<Vec<_>>(),
        ["second-done"]
    );
    assert_eq!(record.event_count, delivered.len() as u64);
    let logged = subject
        .log
        .events(&trace_id, &EventRange::default(), usize::MAX)
        .unwrap()
        .unwrap();
    assert_eq!(
        logged.iter().map(|logged| logged.event.clone()).collect::<Vec<_>>(),
        delivered
    );
    assert!(
        logged
            .iter()
            .zip(1..)
            .all(|(logged, seq)| logged.seq == seq && logged.attempt == 1)
    );
    assert!(logged.is_sorted_by(|earlier, later| earlier.at <= later.at));
    assert_eq!(record.first_event_at, Some(logged[0].at));
    assert!(record.started_at <= logged[0].at && record.ended_at >= Some(logged[9].at));
    assert_eq!(subject.log.call("nobody").unwrap(), None);
    assert_eq!(subject.log.events("nobody", &EventRange::default(), 1).unwrap(), None);
    let stats = subject.log.stats().unwrap();
    assert_eq!((stats.calls, stats.open_calls), (1, 0));
}

async fn events_come_in_ranges_and_pages(make: Make) {
    let script = (0..200).fold(Script::new(), |script, number| script.text(&format!("{number} ")));
    let subject = subject(make, [script]);
    let trace_id = run(&subject, hi()).await;
    let seqs = |from, to, limit| {
        let range = EventRange { from, to };
        let events = subject.log.events(&trace_id, &range, limit).unwrap().unwrap();
        events.into_iter().map(|event| event.seq).collect::<Vec<_>>()
    };
    assert_eq!(seqs(None, None, usize::MAX), (1..=201).collect::<Vec<_>>());
    assert_eq!(seqs(Some(60), Some(70), usize::MAX), (60..=70).collect::<Vec<_>>());
    assert_eq!(seqs(Some(64), Some(64), usize::MAX), [64]);
    assert_eq!(seqs(Some(100), None, 5), [100, 101, 102, 103, 104]);
    assert_eq!(seqs(Some(201), None, 5), [201]);
    assert_eq!(seqs(Some(202), None, 5), [0; 0]);
}

async fn an_open_call_reads_as_far_as_it_is(make: Make) {
    let subject = subject(make, [Script::new().text("a").text("b").until_cancelled()]);
    let mut stream = subject.engine.generate_tracked_stream(hi()).await.unwrap();
    let first = [stream.events.recv().await, stream.events.recv().await];
    assert_eq!(first, [Some(text("a")), Some(text("b"))]);
    let record = subject.log.call(&stream.trace_id).unwrap().unwrap();
    assert_eq!(
        (record.status, record.text, record.ended_at),
        (CallStatus::Open, None, None)
    );
    assert_eq!(
        (record.event_count, record.attempts.len(), record.verdicts.len()),
        (2, 1, 1)
    );
    assert!(record.first_event_at.is_some());
    let logged = subject
        .log
        .events(&stream.trace_id, &EventRange::default(), 10)
        .unwrap()
        .unwrap();
    assert_eq!(logged.len(), 2);
    assert_eq!(subject.log.stats().unwrap().open_calls, 1);
    stream.cancel("enough");
    let _ended = drain(&mut stream).await;
    let record = subject.log.call(&stream.trace_id).unwrap().unwrap();
    assert_eq!(
        (record.status, record.text.as_deref()),
        (CallStatus::Cancelled, Some("ab"))
    );
}

/// Whichever index a list follows, in both orders, and page by page.
fn what_two_filters_find_is_what_both_find(subject: &Subject, filters: &[String]) {
    let parse = |filter: &str| CallFilter::from_json(filter).unwrap();
    for (one, other) in filters
        .iter()
        .flat_map(|one| filters.iter().map(move |other| (one, other)))
    {
        if one.split(':').next() == other.split(':').next() {
            continue;
        }
        for order in ["newest", "oldest"] {
            let find = |filter: &str| ids(&*subject.log, &parse(&format!(r#"{{{filter},"order":"{order}"}}"#)));
            let others = find(other);
            let mut both = find(one);
            both.retain(|id| others.contains(id));
            assert_eq!(
                find(&format!("{one},{other}")),
                both,
                "{one} and {other}, {order} first"
            );

            let mut page = parse(&format!(r#"{{{one},{other},"order":"{order}","limit":1}}"#));
            let mut paged = Vec::new();
            while let [call] = subject.log.calls(&page).unwrap().as_slice() {
                paged.push(call.trace_id.clone());
                page.cursor = Some(call.cursor.clone());
            }
            assert_eq!(paged, both, "{one} and {other}, {order} first, page by page");
        }
    }
}

async fn calls_are_found_by_what_they_are(make: Make) {
    let scripts = [
        Script::new().text("the quick Fox"),
        Script::new().text("a slow fox"),
        Script::new().fails("no"),
        Script::new().text("nothing"),
    ];
    let subject = subject(make, scripts);
    let a = run(&subject, tagged(&["x", "y"])).await;
    let b = run(
        &subject,
        GenerateRequest {
            conversation_id: Some("talk".into()),
            ..tagged(&["x"])
        },
    )
    .await;
    let c = run(
        &subject,
        GenerateRequest {
            client_ref: Some("me".into()),
            parent_trace_id: Some(a.clone()),
            ..tagged(&["y"])
        },
    )
    .await;
    let d = run(
        &subject,
        GenerateRequest {
            model: Some("claude".into()),
            prompt: "where is the hen".into(),
            ..tagged(&[])
        },
    )
    .await;
    let find = |filter: &str| ids(&*subject.log, &CallFilter::from_json(filter).unwrap());
    assert_eq!(find("{}"), [d.clone(), c.clone(), b.clone(), a.clone()]);
    assert_eq!(
        find(r#"{"order":"oldest"}"#),
        [a.clone(), b.clone(), c.clone(), d.clone()]
    );
    assert_eq!(find(r#"{"model":"claude"}"#), [d.clone()]);
    assert_eq!(find(r#"{"status":"failed"}"#), [c.clone()]);
    assert_eq!(find(r#"{"tags":["x"]}"#), [b.clone(), a.clone()]);
    assert_eq!(find(r#"{"tags":["x","y"]}"#), [a.clone()]);
    assert_eq!(find(r#"{"tags":[]}"#).len(), 4);
    assert_eq!(find(r#"{"tags":["x"],"order":"oldest","limit":1}"#), [a.clone()]);
    assert_eq!(find(r#"{"conversationId":"talk"}"#), [b.clone()]);
    assert_eq!(find(r#"{"clientRef":"me"}"#), [c.clone()]);
    assert_eq!(find(&format!(r#"{{"parentTraceId":"{a}"}}"#)), [c.clone()]);
    assert_eq!(find(r#"{"limit":2}"#), [d.clone(), c.clone()]);
    let record = subject.log.call(&b).unwrap().unwrap();
    let at = record.started_at;
    assert_eq!(
        find(&format!(r#"{{"since":{at},"order":"oldest"}}"#)),
        [b.clone(), c.clone(), d.clone()]
    );
    assert_eq!(find(&format!(r#"{{"until":{at}}}"#)), [a.clone()]);
    let cursor = record.cursor;
    assert_eq!(find(&format!(r#"{{"cursor":"{cursor}"}}"#)), [a.clone()]);
    assert_eq!(
        find(&format!(r#"{{"cursor":"{cursor}","order":"oldest"}}"#)),
        [c.clone(), d.clone()]
    );
    assert_eq!(find(&format!(r#"{{"cursor":"{cursor}","tags":["x"]}}"#)), [a.clone()]);
    assert_eq!(
        CallFilter::from_json(r#"{"cursor":"x"}"#).unwrap_err()[0].path,
        "cursor"
    );
    let mut filters: Vec<String> = [
        r#""model":"claude""#,
        r#""model":"gpt""#,
        r#""status":"done""#,
        r#""status":"failed""#,
        r#""tags":["x"]"#,
        r#""tags":["y"]"#,
        r#""tags":["y","x"]"#,
        r#""conversationId":"talk""#,
        r#""clientRef":"me""#,
    ]
    .map(str::to_owned)
    .into();
    filters.push(format!(r#""parentTraceId":"{a}""#));
    if find_text(&subject, "fox").is_some() {
        filters.push(r#""text":"fox""#.to_owned());
    }
    what_two_filters_find_is_what_both_find(&subject, &filters);
    if find_text(&subject, "fox").is_some() {
        let words = |text: &str| find_text(&subject, text).unwrap();
        assert_eq!(words("fox"), [b.clone(), a.clone()]);
        assert_eq!(words("FOX quick"), [a.clone()]);
        assert_eq!(words("\"quick fox\""), [a.clone()]);
        assert_eq!(words("\"fox quick\""), Vec::<String>::new());
        assert_eq!(words("hen"), [d.clone()]);
        assert_eq!(words("hi fox"), [b.clone(), a.clone()]);
        assert_eq!(words("fox OR hen"), Vec::<String>::new());
        assert_eq!(words("fo*"), Vec::<String>::new());
        assert_eq!(CallFilter::from_json(r#"{"text":" * "}"#).unwrap_err()[0].path, "text");
    }
}

/// Nothing where the log cannot look for words.
fn find_text(subject: &Subject, text: &str) -> Option<Vec<String>> {
    let filter = CallFilter {
        text: Some(text.into()),
        ..CallFilter::default()
    };
    match subject.log.calls(&filter) {
        Ok(calls) => Some(calls.into_iter().map(|call| call.trace_id).collect()),
        Err(error) => {
            assert_eq!(error.kind, LogErrorKind::Unsupported);
            None
        }
    }
}

async fn pages_of_calls_have_neither_gap_nor_duplicate_while_more_come(make: Make) {
    let subject = subject(make, [Script::new().text("a")]);
    let mut made = Vec::new();
    for _ in 0..7 {
        made.push(run(&subject, hi()).await);
    }
    for order in [CallOrder::Newest, CallOrder::Oldest] {
        let mut expected = made.clone();
        if order == CallOrder::Newest {
            expected.reverse();
        }
        let mut filter = CallFilter {
            limit: Some(3),
            order: Some(order),
            ..CallFilter::default()
        };
        let mut found = Vec::new();
        loop {
            let page = subject.log.calls(&filter).unwrap();
            let Some(last) = page.last() else { break };
            filter.cursor = Some(last.cursor.clone());
            found.extend(page.iter().map(|call| call.trace_id.clone()));
            if order == CallOrder::Newest {
                made.push(run(&subject, hi()).await);
            }
            if found.len() > 40 {
                break;
            }
        }
        assert_eq!(found, expected);
    }
}

async fn the_tail_has_everything_once_and_goes_on_from_any_cursor(make: Make) {
    let subject = subject(
        make,
        [
            Script::new().text("a").text("b"),
            Script::new().text("c").until_cancelled(),
        ],
    );
    let first = run(&subject, hi()).await;
    let mut open = subject.engine.generate_tracked_stream(hi()).await.unwrap();
    assert_eq!(open.events.recv().await, Some(text("c")));
    let describe = |item: &TailItem| match item {
        TailItem::CallStart { trace_id, .. } => (trace_id == &first, "start".to_owned()),
        TailItem::Event { trace_id, event, .. } => {
            (trace_id == &first, format!("{} {}", event.seq, event.event.kind()))
        }
        TailItem::CallEnd { trace_id, call, .. } => (trace_id == &first, call.status.as_str().to_owned()),
    };
    let cursor_of = |item: &TailItem| match item {
        TailItem::CallStart { cursor, .. } | TailItem::Event { cursor, .. } | TailItem::CallEnd { cursor, .. } => {
            cursor.clone()
        }
    };
    let so_far = subject.log.tail(None, usize::MAX).unwrap();
    open.cancel("enough");
    let _ended = drain(&mut open).await;
    let rest = subject.log.tail(Some(&so_far.cursor), usize::MAX).unwrap();
    let all: Vec<_> = so_far.items.iter().chain(&rest.items).collect();
    let of = |is_first| {
        let mine = all
            .iter()
            .map(|item| describe(item))
            .filter(|(first, _)| *first == is_first);
        mine.map(|(_, what)| what).collect::<Vec<_>>()
    };
    assert_eq!(of(true), ["start", "1 text-delta", "2 text-delta", "3 done", "done"]);
    assert_eq!(of(false), ["start", "1 text-delta", "cancelled"]);
    for (index, item) in all.iter().enumerate() {
        let again = subject.log.tail(Some(&cursor_of(item)), usize::MAX).unwrap();
        let expected: Vec<_> = all[index + 1..].iter().map(|item| cursor_of(item)).collect();
        assert_eq!(again.items.iter().map(&cursor_of).collect::<Vec<_>>(), expected);
    }
    let end = subject.log.end_cursor().unwrap();
    assert!(subject.log.tail(Some(&end), 10).unwrap().items.is_empty());
    assert_eq!(
        subject.log.tail(Some("x"), 10).unwrap_err().kind,
        LogErrorKind::InvalidInput
    );
    assert!(subject.log.durable_seq() > 0);
    subject.log.changed(&so_far.cursor).await;
}

async fn pruning_removes_the_oldest_closed_calls_but_those_to_keep(make: Make) {
    let subject = subject(make, [Script::new().text(&"x".repeat(2_000))]);
    let kept = run(&subject, tagged(&["keep"])).await;
    let mut made = Vec::new();
    for _ in 0..6 {
        made.push(run(&subject, hi()).await);
    }
    let prune = |json: &str| subject.log.prune(&PruneOptions::from_json(json).unwrap()).unwrap();
    assert_eq!(prune(r#"{"maxAge":3600000}"#).calls, 0);
    assert_eq!(prune(r#"{"maxCalls":5,"keep":["keep"]}"#).calls, 2);
    let left = ids(
        &*subject.log,
        &CallFilter {
            order: Some(CallOrder::Oldest),
            ..CallFilter::default()
        },
    );
    assert_eq!(left, [&[kept.clone()], &made[2..]].concat());
    assert_eq!(subject.log.events(&made[0], &EventRange::default(), 1).unwrap(), None);
    assert!(prune(r#"{"maxBytes":1,"keep":["keep"]}"#).calls >= 4);
    assert_eq!(ids(&*subject.log, &CallFilter::default()), [kept]);
    assert_eq!(prune(r#"{"maxAge":0}"#).calls, 1);
    assert_eq!(subject.log.stats().unwrap().calls, 0);
    assert_eq!(
        PruneOptions::from_json(r#"{"maxAge":-1}"#).unwrap_err()[0].path,
        "maxAge"
    );
    run(&subject, hi()).await;
    assert_eq!(subject.log.stats().unwrap().calls, 1);
}

async fn what_is_erased_is_gone_and_the_rest_stays(make: Make) {
    let subject = subject(make, [rich(), Script::new().text("b")]);
    let a = run(&subject, tagged(&["user:1"])).await;
    let b = run(&subject, tagged(&["user:2"])).await;
    let erased = subject
        .log
        .erase(&EraseTarget::from_json(r#"{"tag":"user:1"}"#).unwrap())
        .unwrap();
    assert_eq!(erased.trace_ids, [a.clone()]);
    let record = subject.log.call(&a).unwrap().unwrap();
    assert!(record.erased_at.is_some());
    assert_eq!((record.status, record.event_count), (CallStatus::Done, 11));
    assert_eq!(record.usage.unwrap().input_tokens, Some(3));
    assert_eq!(
        (record.request, record.text, record.tags.len(), record.tool_calls.len()),
        (None, None, 0, 0)
    );
    assert!(record.notes.is_empty() && record.attempts.is_empty());
    assert_eq!(
        subject.log.events(&a, &EventRange::default(), 99).unwrap(),
        Some(vec![])
    );
    assert_eq!(
        ids(
            &*subject.log,
            &CallFilter {
                tags: Some(vec!["user:1".into()]),
                ..CallFilter::default()
            }
        )
        .len(),
        0
    );
    assert!(subject.log.archived(&a).unwrap().is_none());
    assert_eq!(subject.log.call(&b).unwrap().unwrap().text.as_deref(), Some("b"));
    let again = subject
        .log
        .erase(&EraseTarget {
            trace_id: Some(a),
            tag: None,
        })
        .unwrap();
    assert!(again.trace_ids.is_empty());
    assert!(EraseTarget::from_json("{}").is_err());
}

async fn a_call_that_is_open_when_it_is_erased_is_served_and_leaves_nothing(make: Make) {
    let scripts = [
        Script::new().text("a"),
        Script::new().text("b").until_cancelled(),
        Script::new().text("c"),
    ];
    let subject = subject(make, scripts);
    let closed = run(&subject, tagged(&["user:1"])).await;
    let mut open = subject
        .engine
        .generate_tracked_stream(tagged(&["user:1"]))
        .await
        .unwrap();
    assert_eq!(open.events.recv().await, Some(text("b")));
    let trace_id = open.trace_id.clone();
    let by_tag = EraseTarget::from_json(r#"{"tag":"user:1"}"#).unwrap();
    let report = subject.log.erase(&by_tag).unwrap();
    assert_eq!(
        (report.trace_ids, report.pending_trace_ids),
        (vec![closed], vec![trace_id.clone()])
    );
    let again = subject.log.erase(&by_tag).unwrap();
    assert_eq!(
        (again.trace_ids, again.pending_trace_ids),
        (vec![], vec![trace_id.clone()])
    );
    let pending = subject.log.call(&trace_id).unwrap().unwrap();
    assert!(pending.erase_requested_at.is_some() && pending.erased_at.is_none() && pending.request.is_none());
    assert_eq!(pending.status, CallStatus::Open);
    open.cancel("enough");
    let _ended = drain(&mut open).await;
    let answer = open.ending().unwrap().completion.text.clone();
    assert_eq!(answer, "b", "its consumer is served as any other");
    let erased = subject.log.call(&trace_id).unwrap().unwrap();
    assert!(erased.erased_at.is_some() && erased.erase_requested_at.is_none());
    assert_eq!(erased.status, CallStatus::Cancelled);
    assert_eq!((erased.request, erased.text, erased.tags.len()), (None, None, 0));
    let events = subject.log.events(&trace_id, &EventRange::default(), 99).unwrap();
    assert_eq!(events, Some(vec![]));
    let again = subject.log.erase(&by_tag).unwrap();
    assert!(again.trace_ids.is_empty() && again.pending_trace_ids.is_empty());
    let later = run(&subject, tagged(&["user:1"])).await;
    assert_eq!(subject.log.call(&later).unwrap().unwrap().text.as_deref(), Some("c"));
}

async fn calls_come_back_as_they_went_out(make: Make) {
    let scripts = [
        rich(),
        Script::new().fails("no"),
        Script::new().text("c").until_cancelled(),
    ];
    let subject = subject(make, scripts);
    run(&subject, tagged(&["a"])).await;
    run(&subject, hi()).await;
    let mut cancelled = subject.engine.generate_tracked_stream(hi()).await.unwrap();
    assert_eq!(cancelled.events.recv().await, Some(text("c")));
    cancelled.cancel("enough");
    let _ended = drain(&mut cancelled).await;
    let export = |log: &dyn LogStore| {
        let mut lines = Vec::new();
        transfer::write_header(&mut lines).unwrap();
        let filter = CallFilter {
            order: Some(CallOrder::Oldest),
            ..CallFilter::default()
        };
        for trace_id in ids(log, &filter) {
            transfer::write_call(&mut lines, &log.archived(&trace_id).unwrap().unwrap()).unwrap();
        }
        String::from_utf8(lines).unwrap()
    };
    let exported = export(&*subject.log);
    let import = |log: &dyn LogStore| {
        let mut importer = Importer::default();
        exported.lines().for_each(|line| importer.line(line, log).unwrap());
        importer.finish().unwrap()
    };
    for target in [memory as Make, |folder| sqlite(folder, with(Durability::Call)), make] {
        let folder = tempfile::tempdir().unwrap();
        let (log, _recording) = target(folder.path());
        assert_eq!((import(&*log).calls, import(&*log).known), (3, 3));
        assert_eq!(export(&*log), exported);
        for call in subject.log.calls(&CallFilter::default()).unwrap() {
            let mut copy = log.call(&call.trace_id).unwrap().unwrap();
            copy.cursor.clone_from(&call.cursor);
            assert_eq!(copy, call);
            let events = |log: &dyn LogStore| log.events(&call.trace_id, &EventRange::default(), 99).unwrap();
            assert_eq!(events(&*log), events(&*subject.log));
        }
        log.close().unwrap();
    }
}

macro_rules! suite {
    ($($name:ident => $make:expr;)*) => { $(
        mod $name {
            use super::*;

            const MAKE: Make = $make;

            suite!(@tests a_call_is_found_whole, events_come_in_ranges_and_pages, an_open_call_reads_as_far_as_it_is,
                calls_are_found_by_what_they_are, pages_of_calls_have_neither_gap_nor_duplicate_while_more_come,
                the_tail_has_everything_once_and_goes_on_from_any_cursor,
                pruning_removes_the_oldest_closed_calls_but_those_to_keep, what_is_erased_is_gone_and_the_rest_stays,
                a_call_that_is_open_when_it_is_erased_is_served_and_leaves_nothing, calls_come_back_as_they_went_out);
        }
    )* };
    (@tests $($test:ident),*) => { $(
        #[tokio::test]
        async fn $test() {
            super::$test(MAKE).await;
        }
    )* };
}

suite! {
    in_memory => memory;
    relaxed => |folder| sqlite(folder, with(Durability::Relaxed));
    call => |folder| sqlite(folder, with(Durability::Call));
    strict => |folder| sqlite(folder, with(Durability::Strict));
    event => |folder| sqlite(folder, with(Durability::Event));
    encrypted => |folder| sqlite(folder, SqliteLogOptions {
        key: Some(LogKey::new([7; 32])),
        ..SqliteLogOptions::default()
    });
}

/// The lines of two calls, and what becomes of them once they were changed: how many calls are there, and why no more.
async fn check_import(change: impl FnOnce(String) -> Vec<u8>, calls: u64, refused: Option<&str>) {
    let subject = subject(memory, [Script::new().text("grün"), Script::new().text("b")]);
    run(&subject, hi()).await;
    run(&subject, hi()).await;
    let mut lines = Vec::new();
    transfer::write_header(&mut lines).unwrap();
    for trace_id in ids(
        &*subject.log,
        &CallFilter {
            order: Some(CallOrder::Oldest),
            ..CallFilter::default()
        },
    ) {
        transfer::write_call(&mut lines, &subject.log.archived(&trace_id).unwrap().unwrap()).unwrap();
    }
    let changed = change(String::from_utf8(lines).unwrap());
    let target = MemoryLog::default();
    let imported = transfer::import(&changed[..], &target);
    match (imported, refused) {
        (Ok(report), None) => assert_eq!(report.calls, calls),
        (Err(error), Some(message)) => {
            assert_eq!(error.kind, LogErrorKind::InvalidInput);
            assert_eq!(error.message, message);
        }
        (imported, _) => panic!("{imported:?}"),
    }
    assert_eq!(target.stats().unwrap().calls, calls);
}

#[tokio::test]
async fn what_an_editor_saved_is_imported() {
    check_import(String::into_bytes, 2, None).await;
    check_import(|lines| format!("\u{feff}{lines}").into_bytes(), 2, None).await;
    check_import(|lines| lines.replace('\n', "\r\n").into_bytes(), 2, None).await;
    check_import(
        |lines| format!("\u{feff}{}", lines.trim_end().replace('\n', "\r\n")).into_bytes(),
        2,
        None,
    )
    .await;
    check_import(|lines| format!("{lines}\n\r\n \n").into_bytes(), 2, None).await;
    check_import(|lines| format!("\u{feff}{lines}\u{feff}{lines}").into_bytes(), 2, None).await;
}

#[tokio::test]
async fn a_line_that_is_not_utf_8_is_refused_by_its_number() {
    let utf_16 = |text: String, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let is_utf_16 = Some("line 1: the text is UTF-16; save it as UTF-8");
    check_import(move |lines| utf_16(lines, u16::to_le_bytes), 0, is_utf_16).await;
    check_import(move |lines| utf_16(lines, u16::to_be_bytes), 0, is_utf_16).await;
    check_import(
        move |lines| utf_16(format!("\u{feff}{lines}"), u16::to_le_bytes),
        0,
        is_utf_16,
    )
    .await;
    check_import(
        move |lines| utf_16(format!("\u{feff}{lines}"), u16::to_be_bytes),
        0,
        is_utf_16,
    )
    .await;
    let latin_1 = |text: String| text.chars().map(|letter| letter as u8).collect::<Vec<u8>>();
    check_import(latin_1, 0, Some("line 3: the text is not UTF-8; save it as UTF-8")).await;
    let cut = |lines: String| [lines.as_bytes(), b"\n\xc3"].concat();
    check_import(cut, 2, Some("line 9: the text is not UTF-8; save it as UTF-8")).await;
}
