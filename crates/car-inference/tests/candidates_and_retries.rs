//! Goal: a declined request finds the next runner, a failed one may be run again, and nothing delivered is retracted.
//! Method: scripted runners under hints and in the slot; paused time.

mod support;

use std::sync::Arc;

use car_inference::error::FailureDetails;
use car_inference::runner::set_inference_runner_for;
use car_inference::testing::{Script, ScriptedRunner};
use car_inference::{
    CallStatus, ErrorCode, GenerateRequest, InferenceEngine, MemoryLog, ModelSchema, RetryPolicy, Timeouts,
    set_inference_runner,
};
use support::{done, hi, text};
use tokio::sync::Mutex;
use tokio::time::Instant;

static SLOT: Mutex<()> = Mutex::const_new(());

/// Three models with hints of their own; `c` has none.
fn engine(log: &MemoryLog) -> InferenceEngine {
    InferenceEngine::builder()
        .model(ModelSchema::delegated("a", Some("hint-a")))
        .model(ModelSchema::delegated("b", Some("hint-b")))
        .model(ModelSchema::delegated("c", None))
        .event_log(log.clone())
        .build()
}

fn declining() -> Script {
    Script::new().declines("not mine")
}

/// Registers what each slot's runner does, asks for `a` with fallbacks, and returns what the attempts were for and the
/// answer's text or the failure's code.
async fn check(
    [hint_a, hint_b, slot]: [Option<Script>; 3],
    fallbacks: &[&str],
    attempts: &[&str],
    expected: Result<(&str, &str), ErrorCode>,
) {
    let _turn = SLOT.lock().await;
    let register = |script: Option<Script>| -> Option<Arc<dyn car_inference::InferenceRunner>> {
        script.map(|script| Arc::new(ScriptedRunner::new([script])) as _)
    };
    set_inference_runner_for("hint-a", register(hint_a));
    set_inference_runner_for("hint-b", register(hint_b));
    set_inference_runner(register(slot));
    let log = MemoryLog::default();
    let request = GenerateRequest {
        model: Some("a".into()),
        fallback_models: fallbacks.iter().map(|id| (*id).to_owned()).collect(),
        ..hi()
    };
    let outcome = engine(&log).generate(request).await;
    let call = log.calls(&Default::default()).remove(0);
    assert_eq!(
        call.attempts
            .iter()
            .map(|attempt| attempt.model.as_str())
            .collect::<Vec<_>>(),
        attempts
    );
    let numbers: Vec<_> = call.attempts.iter().map(|attempt| attempt.attempt).collect();
    assert_eq!(
        numbers,
        (1..=u32::try_from(attempts.len()).expect("few")).collect::<Vec<_>>()
    );
    match (outcome, expected) {
        (Ok(answer), Ok((text, model))) => {
            assert_eq!((answer.text.as_str(), answer.model_used.as_str()), (text, model));
            assert_eq!(call.model, model);
        }
        (Err(_), Err(code)) => assert_eq!(call.failure.map(|failure| failure.code), Some(code)),
        (outcome, expected) => panic!("{outcome:?} instead of {expected:?}"),
    }
    set_inference_runner_for("hint-a", None);
    set_inference_runner_for("hint-b", None);
    set_inference_runner(None);
}

#[tokio::test]
async fn declining_passes_the_request_from_the_hints_runner_to_the_slot_to_the_fallback_models() {
    let says = |word: &str| Some(Script::new().text(word));
    // The runner for the hint comes first.
    check([says("hint"), None, says("slot")], &[], &["a"], Ok(("hint", "a"))).await;
    // It declines: the slot.
    check(
        [Some(declining()), None, says("slot")],
        &[],
        &["a", "a"],
        Ok(("slot", "a")),
    )
    .await;
    // No runner for the hint: the slot at once.
    check([None, None, says("slot")], &[], &["a"], Ok(("slot", "a"))).await;
    // Both decline: the fallback's hint, then the slot for it.
    let all_but_b = [Some(declining()), says("b"), Some(declining())];
    check(all_but_b, &["b"], &["a", "a", "b"], Ok(("b", "b"))).await;
    check([None, says("b"), None], &["b", "c"], &["b"], Ok(("b", "b"))).await;
    // Everybody declines.
    let nobody = [Some(declining()), Some(declining()), Some(declining())];
    check(
        nobody,
        &["b", "c"],
        &["a", "a", "b", "b", "c"],
        Err(ErrorCode::RunnerDeclined),
    )
    .await;
    // A failure does not fall through.
    check(
        [Some(Script::new().fails("500")), None, says("slot")],
        &["b"],
        &["a"],
        Err(ErrorCode::RunnerFailed),
    )
    .await;
    // Nor does a declining after content: what was delivered is not retracted.
    check(
        [Some(Script::new().text("x").declines("late")), None, says("slot")],
        &[],
        &["a"],
        Err(ErrorCode::RunnerDeclined),
    )
    .await;
    // Nobody is registered.
    check([None, None, None], &["b"], &[], Err(ErrorCode::NoRunner)).await;
}

#[tokio::test]
async fn a_runner_in_both_slots_is_asked_once() {
    let _turn = SLOT.lock().await;
    let runner = Arc::new(ScriptedRunner::new([declining()]));
    set_inference_runner_for("hint-a", Some(runner.clone()));
    set_inference_runner(Some(runner.clone()));
    let request = GenerateRequest {
        model: Some("a".into()),
        ..hi()
    };
    assert!(engine(&MemoryLog::default()).generate(request).await.is_err());
    assert_eq!(runner.requests().len(), 1);
    set_inference_runner_for("hint-a", None);
    set_inference_runner(None);
}

#[tokio::test]
async fn the_next_runner_is_asked_for_the_model_it_is_tried_for() {
    let world = support::world([declining(), Script::new().text("ok")], |builder| {
        builder.model(ModelSchema::delegated("fallback", Some("other")))
    });
    let request = GenerateRequest {
        fallback_models: vec!["fallback".into()],
        ..hi()
    };
    let answer = world.engine.generate(request).await.unwrap();
    assert_eq!(answer.model_used, "fallback");
    let asked: Vec<_> = world
        .runner
        .requests()
        .into_iter()
        .filter_map(|request| request.model)
        .collect();
    assert_eq!(asked, [support::MODEL, "fallback"]);
    let emitters = world.runner.emitters();
    assert_eq!(emitters[1].hint(), Some("other"));
    assert_eq!(emitters[1].attempt(), 2);
    assert!(emitters[0].is_closed());
}

const RETRIES: RetryPolicy = RetryPolicy {
    attempts_max: 3,
    backoff_ms: 100,
    backoff_factor: 2.0,
    backoff_max_ms: 5_000,
};

fn failing(details: FailureDetails) -> Script {
    Script::new().describes(details).fails("broken")
}

fn status(status: u16) -> FailureDetails {
    FailureDetails {
        status: Some(status),
        ..Default::default()
    }
}

fn retry_after(ms: u64) -> FailureDetails {
    FailureDetails {
        retry_after_ms: Some(ms),
        ..status(429)
    }
}

/// How many runs there were, and how long the call took in all, in milliseconds.
async fn check_retries(retry: RetryPolicy, scripts: Vec<Script>, runs: usize, waited_ms: u128, ends: CallStatus) {
    let world = support::world(scripts, |builder| builder.retry(retry));
    let started = Instant::now();
    let seen = world.run().await;
    assert_eq!(world.runner.requests().len(), runs, "{:?}", seen.record.attempts);
    assert_eq!(started.elapsed().as_millis(), waited_ms);
    assert_eq!(seen.record.status, ends);
    let numbers: Vec<_> = seen
        .record
        .attempts
        .iter()
        .map(|attempt| (attempt.attempt, attempt.failure.is_some()))
        .collect();
    let expected: Vec<_> = (1..=runs)
        .map(|run| (u32::try_from(run).expect("few"), run < runs))
        .collect();
    let last_failed = numbers.last().is_some_and(|(_, failed)| *failed);
    assert_eq!(&numbers[..runs - 1], &expected[..runs - 1]);
    assert!(!last_failed || ends == CallStatus::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_failure_before_content_is_retried_as_often_and_as_late_as_the_policy_says() {
    let ok = || Script::new().text("ok");
    let broken = || failing(FailureDetails::default());
    let once = RetryPolicy::default();
    // No retry by default.
    check_retries(once, vec![broken(), ok()], 1, 0, CallStatus::Failed).await;
    // Backoff, growing by its factor.
    check_retries(RETRIES, vec![broken(), ok()], 2, 100, CallStatus::Done).await;
    check_retries(RETRIES, vec![broken(), broken(), ok()], 3, 300, CallStatus::Done).await;
    check_retries(RETRIES, vec![broken()], 3, 300, CallStatus::Failed).await;
    // Its longest wait bounds it.
    let short = RetryPolicy {
        backoff_max_ms: 150,
        ..RETRIES
    };
    check_retries(short, vec![broken()], 3, 250, CallStatus::Failed).await;
    // The provider's longer Retry-After wins, a shorter one does not.
    check_retries(
        RETRIES,
        vec![failing(retry_after(1_000)), ok()],
        2,
        1_000,
        CallStatus::Done,
    )
    .await;
    check_retries(RETRIES, vec![failing(retry_after(10)), ok()], 2, 100, CallStatus::Done).await;
    // One that asks for more than the longest wait is not retried.
    check_retries(
        RETRIES,
        vec![failing(retry_after(5_001)), ok()],
        1,
        0,
        CallStatus::Failed,
    )
    .await;
    // What will not pass is not tried again; what may, is.
    check_retries(RETRIES, vec![failing(status(401)), ok()], 1, 0, CallStatus::Failed).await;
    check_retries(RETRIES, vec![failing(status(503)), ok()], 2, 100, CallStatus::Done).await;
    // An answer that broke off after its status.
    check_retries(RETRIES, vec![failing(status(200)), ok()], 2, 100, CallStatus::Done).await;
    let knows_better = FailureDetails {
        retryable: Some(true),
        ..status(400)
    };
    check_retries(RETRIES, vec![failing(knows_better), ok()], 2, 100, CallStatus::Done).await;
    // A panic is a failure like any other.
    check_retries(
        RETRIES,
        vec![Script::new().panics("oh"), ok()],
        2,
        100,
        CallStatus::Done,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_retried_after_content() {
    for content in [
        text("a"),
        support::start(0, "search"),
        car_inference::StreamEvent::RefusalDelta("no".into()),
    ] {
        let scripts = [
            Script::new().emit(content.clone()).fails("cut off"),
            Script::new().text("again"),
        ];
        let world = support::world(scripts, |builder| builder.retry(RETRIES));
        let seen = world.run().await;
        assert_eq!(seen.events, [content]);
        assert_eq!(world.runner.requests().len(), 1);
        assert_eq!(seen.code(), Some(ErrorCode::RunnerFailed));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_content_does_not_prevent_a_retry_and_carries_its_attempt() {
    let scripts = [
        Script::new().emit(support::input_tokens(7)).fails("503"),
        Script::new().text("ok"),
    ];
    let seen = support::world(scripts, |builder| builder.retry(RETRIES)).run().await;
    // A consumer who has been given something of the failed attempt is told that another begins.
    let retried = car_inference::StreamEvent::Warning(car_inference::stream::Warning {
        message: "attempt 1 came to nothing and another begins".into(),
        code: Some("retried".into()),
    });
    assert_eq!(seen.events, [support::input_tokens(7), retried, text("ok"), done("ok")]);
    assert_eq!(
        seen.logged
            .iter()
            .map(|event| (event.seq, event.attempt))
            .collect::<Vec<_>>(),
        [(1, 1), (2, 1), (3, 2), (4, 2)]
    );
    let codes: Vec<_> = seen
        .ending
        .completion
        .warnings
        .iter()
        .map(|warning| warning.code.as_deref())
        .collect();
    assert_eq!(
        codes,
        [Some("retried")],
        "a warning that was delivered is not retracted"
    );
    let usage = seen.record.attempts[0]
        .usage
        .expect("the failed attempt reported usage");
    assert_eq!(usage.input_tokens, Some(7));
    let failure = seen.record.attempts[0]
        .failure
        .clone()
        .expect("the first attempt failed");
    assert_eq!(failure.message, "runner failed: 503");
}

#[tokio::test(start_paused = true)]
async fn an_earlier_attempts_emitter_is_closed_while_the_next_one_runs() {
    let scripts = [Script::new().fails("503"), Script::new().text("a").until_cancelled()];
    let world = support::world(scripts, |builder| builder.retry(RETRIES));
    let mut stream = world.stream().await;
    assert_eq!(stream.events.recv().await, Some(text("a")));
    let emitters = world.runner.emitters();
    assert!(emitters[0].is_closed() && !emitters[1].is_closed());
    assert_eq!(
        emitters[0].emit(text("ghost")).await,
        car_inference::runner::Emitted::Closed
    );
}

#[tokio::test(start_paused = true)]
async fn the_total_time_ends_a_wait_for_a_retry() {
    let timeouts = Timeouts {
        total_ms: Some(250),
        ..Timeouts::default()
    };
    let retry = RetryPolicy {
        backoff_ms: 1_000,
        ..RETRIES
    };
    let world = support::world([failing(FailureDetails::default())], |builder| {
        builder.retry(retry).timeouts(timeouts)
    });
    let started = Instant::now();
    let seen = world.run().await;
    assert_eq!(seen.code(), Some(ErrorCode::Timeout));
    assert_eq!(started.elapsed().as_millis(), 250);
}

#[tokio::test(start_paused = true)]
async fn cancelling_ends_a_wait_for_a_retry_at_once() {
    let world = support::world([failing(FailureDetails::default())], |builder| builder.retry(RETRIES));
    let stream = world.stream().await;
    support::pass(50).await;
    let started = Instant::now();
    stream.cancel("enough");
    let seen = world.read(stream).await;
    assert_eq!(seen.code(), Some(ErrorCode::Cancelled));
    assert_eq!(started.elapsed().as_millis(), 0);
    support::pass(1_000).await;
    assert_eq!(world.runner.requests().len(), 1);
}
