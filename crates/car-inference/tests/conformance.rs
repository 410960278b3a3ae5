//! Goal: the conformance suite passes good runners and names the rule that a bad one breaks.
//! Method: one defect a runner, through one `check`; paused time.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use car_inference::ModelSchema;
use car_inference::testing::{Script, ScriptedRunner, check_runner};
use support::{delta, end, hi, start};

/// The rules that a runner breaks with these scripts: two runs to the end, then one that is cancelled.
async fn check(scripts: impl IntoIterator<Item = Script>, expected: &[&str]) {
    let runner = Arc::new(ScriptedRunner::new(scripts));
    let failures = check_runner(runner.clone(), ModelSchema::delegated(support::MODEL, None), hi()).await;
    runner.forget_emitters();
    let rules: BTreeSet<_> = failures.iter().map(|failure| failure.rule).collect();
    assert_eq!(rules.into_iter().collect::<Vec<_>>(), expected, "{failures:?}");
    assert!(
        failures
            .iter()
            .all(|failure| failure.to_string().starts_with(failure.rule))
    );
}

const ENDS: &str = "a call ends with `done`";
const ORDER: &str = "the events are in order";
const AGREES: &str = "the result agrees with the stream";
const SETTLES: &str = "a run settles after its `done`";
const NO_LATE_FAILURE: &str = "a run does not fail after its `done`";
const STOPS: &str = "a cancelled run stops by itself";

#[tokio::test(start_paused = true)]
async fn good_runners_pass() {
    check([Script::new().text("a").done("a").returns("a")], &[]).await;
    check([Script::new().text("a")], &[]).await;
    check(
        [Script::new()
            .emit(start(0, "f"))
            .emit(delta(0, "{}"))
            .emit(end(0))
            .done("")],
        &[],
    )
    .await;
    let good = || Script::new().text("a");
    check([good(), good(), good().until_cancelled()], &[]).await;
}

#[tokio::test(start_paused = true)]
async fn each_defect_is_named_by_its_rule() {
    let good = || Script::new().text("a");
    check([good().fails("no"), good()], &[ENDS]).await;
    check([good().declines("no"), good()], &[ENDS]).await;
    check([good().panics("no"), good()], &[ENDS]).await;
    check([good().hangs(), good()], &[ENDS]).await;
    check([good().emit(delta(0, "{}")), good()], &[ENDS]).await;
    check([good().done("a").done("a"), good()], &[ORDER]).await;
    check([good().done("a").text("late"), good()], &[ORDER]).await;
    check([good().emit(start(0, "f")).emit(start(0, "f")), good()], &[ORDER]).await;
    check([good().returns("b"), good()], &[AGREES]).await;
    check([good().done("a").hangs(), good()], &[SETTLES]).await;
    check([good().done("a").fails("late"), good()], &[NO_LATE_FAILURE]).await;
    check([good(), good(), good().hangs()], &[STOPS]).await;
}

#[tokio::test(start_paused = true)]
async fn several_defects_are_all_named() {
    check(
        [good_until_the_end(), good_until_the_end(), Script::new().hangs()],
        &[STOPS, ORDER, AGREES],
    )
    .await;
}

fn good_until_the_end() -> Script {
    Script::new().text("a").done("a").done("a").returns("b")
}
