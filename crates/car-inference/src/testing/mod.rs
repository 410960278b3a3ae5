//! For tests of hosts and runners: a runner that follows a script, and what every runner has to pass.

mod conformance;
mod scripted;

pub use conformance::{ConformanceFailure, check_runner};
pub use scripted::{Script, ScriptedRunner};
