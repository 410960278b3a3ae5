//! The Node binding of `car-inference`: converts, schedules and cleans up. It holds no rule of a call's life; those
//! are in the core crate. `src/native.ts` is its mirror, function by function.

#![cfg_attr(test, allow(dead_code, reason = "napi-derive registers nothing in test builds"))]

mod calls;
mod engines;
mod environment;
mod event_clock;
mod failure;
mod hosted_run;
mod hot;
mod js_runner;
mod json_text;
mod logs;
mod mailbox;
mod ports;
mod realm;
mod runners;
mod runtime;
mod rust_caller;
mod settle;
mod table;
mod text;
