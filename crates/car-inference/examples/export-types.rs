//! Writes the TypeScript types of everything that crosses the boundary or stands in the log, from the Rust types.
//! `cargo run -p car-inference --features typescript --example export-types -- native/types.d.ts`

use car_inference::error::{
    CancelKind, CancelReason, ErrorCode, Failure, FailureCause, FailureDetails, LimitDetail, PolicyDetail, PolicyPoint,
    Problem, RunnerFailure, RunnerFailureKind, TimeoutDetail, TimeoutKind,
};
use car_inference::log::sqlite::{Checkpoint, LogAccess, VerifyOptions, VerifyProblem, VerifyReport};
use car_inference::log::transfer::ImportReport;
use car_inference::log::{
    AttemptRecord, CallFilter, CallOrder, CallRecord, CallStatus, Decision, Durability, Ending, EraseReport,
    EraseTarget, EventRange, LogErrorKind, LogOutage, LogStats, LoggedEvent, Note, PruneOptions, PruneReport,
    SqliteLogOptions, TailItem, VerdictRecord,
};
use car_inference::redaction::RedactionOptions;
use car_inference::stream::{
    Completion, ErrorNote, FileContent, Reasoning, Source, StopReason, StreamEvent, TokenUsage, ToolCallSignature,
    Warning,
};
use car_inference::tasks::generate::{
    ContentBlock, FunctionTool, GenerateParams, GenerateRequest, Message, NestedFunctionTool, ProviderTool,
    ReasoningEffort, ResponseFormat, Tool, ToolCall, ToolChoice,
};
use car_inference::{
    CallOptions, EngineOptions, LimitOverrides, Limits, ModelPricing, ModelSchema, ModelSource, OnLogFailure,
    RetryOverrides, RetryPolicy, RunnerResult, TimeoutOverrides, Timeouts,
};
use ts_rs::{Config, TS};

const HEAD: &str = "\
// Generated from the Rust types by `npm run generate`. Do not edit.

/** Any JSON value. */
export type JsonValue = null | boolean | number | string | Array<JsonValue> | JsonObject;

/** A JSON object. */
export type JsonObject = { [key: string]: JsonValue };
";

/// Rust examples and intra-doc brackets mean nothing to a TypeScript reader.
fn for_typescript(docs: &str) -> String {
    let mut in_example = false;
    let kept = docs.lines().filter(|line| {
        let fence = line.trim_start_matches([' ', '*']).starts_with("```");
        let keep = !in_example && !fence;
        in_example ^= fence;
        keep
    });
    let mut docs = kept.collect::<Vec<_>>().join("\n").replace("[`", "`");
    while let Some(start) = docs.find("`](") {
        let end = docs[start..].find(')').map_or(docs.len(), |length| start + length + 1);
        docs.replace_range(start + 1..end, "");
    }
    docs.replace("`]", "`")
}

/// Every field that may be left out may also be given as `undefined`, which hosts with `exactOptionalPropertyTypes` want to hear.
/// At run time the two are the same.
fn with_undefined(declaration: &str) -> String {
    let mut typed = String::with_capacity(declaration.len());
    let mut rest = declaration;
    while let Some(at) = next_optional_type(rest) {
        let (before, from) = rest.split_at(at);
        let (of_field, after) = from.split_at(type_length(from));
        typed.push_str(before);
        typed.push_str(of_field);
        if !of_field.ends_with("| undefined") {
            typed.push_str(" | undefined");
        }
        rest = after;
    }
    typed + rest
}

/// Where the type of the next optional field begins. Comments are passed over.
fn next_optional_type(declaration: &str) -> Option<usize> {
    const OPTIONAL: &str = "?: ";
    let mut from = 0;
    loop {
        let optional = from + declaration[from..].find(OPTIONAL)?;
        match declaration[from..optional].find("/*") {
            Some(comment) => from += comment + declaration[from + comment..].find("*/")?,
            None => return Some(optional + OPTIONAL.len()),
        }
    }
}

/// How long a type is that begins here: up to the comma or brace after it.
fn type_length(from: &str) -> usize {
    let mut depth = 0_usize;
    for (at, character) in from.char_indices() {
        match character {
            ',' | '}' if depth == 0 => return from[..at].trim_end().len(),
            '<' | '{' | '[' | '(' => depth += 1,
            '>' | '}' | ']' | ')' => depth -= 1,
            _ => {}
        }
    }
    from.len()
}

fn declaration<T: TS>(config: &Config) -> String {
    let docs = T::docs()
        .map(|docs| docs.trim_end().to_owned() + "\n")
        .unwrap_or_default();
    for_typescript(&format!("\n{docs}export {}", with_undefined(&T::decl(config)))) + "\n"
}

macro_rules! declarations {
    ($config:expr, $($type:ty),* $(,)?) => { [$(declaration::<$type>($config)),*].concat() };
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: export-types FILE")?;
    // Every count and time of ours is below 2^53.
    let config = Config::new().with_large_int("number");
    let types = declarations!(
        &config,
        StreamEvent,
        StopReason,
        Source,
        FileContent,
        ErrorNote,
        Warning,
        TokenUsage,
        Reasoning,
        ToolCallSignature,
        ToolCall,
        Completion,
        GenerateRequest,
        GenerateParams,
        Tool,
        FunctionTool,
        NestedFunctionTool,
        ProviderTool,
        ToolChoice,
        ReasoningEffort,
        ResponseFormat,
        Message,
        ContentBlock,
        ModelSchema,
        ModelSource,
        ModelPricing,
        EngineOptions,
        OnLogFailure,
        CallOptions,
        Timeouts,
        TimeoutOverrides,
        Limits,
        LimitOverrides,
        RetryPolicy,
        RetryOverrides,
        Problem,
        ErrorCode,
        Failure,
        FailureDetails,
        FailureCause,
        RunnerFailure,
        RunnerFailureKind,
        TimeoutDetail,
        TimeoutKind,
        LimitDetail,
        CancelReason,
        CancelKind,
        PolicyDetail,
        PolicyPoint,
        CallStatus,
        CallRecord,
        CallFilter,
        CallOrder,
        EventRange,
        TailItem,
        LogOutage,
        LogStats,
        LogErrorKind,
        PruneOptions,
        PruneReport,
        EraseTarget,
        EraseReport,
        ImportReport,
        SqliteLogOptions,
        Durability,
        LogAccess,
        RedactionOptions,
        VerifyOptions,
        VerifyReport,
        VerifyProblem,
        Checkpoint,
        AttemptRecord,
        VerdictRecord,
        Decision,
        Note,
        LoggedEvent,
        Ending,
        RunnerResult,
    );
    std::fs::write(path, format!("{HEAD}{types}"))?;
    Ok(())
}
