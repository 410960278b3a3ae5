//! What all calls of an engine share.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use super::own_runners::OwnRunners;
use crate::block_on::block_on;
use crate::call::WeakCall;
use crate::log::EventLog;
use crate::options::{Limits, OnLogFailure, RetryPolicy, Timeouts};
use crate::policy::Policy;
use crate::runner::{InferenceRunner, hints_with_runner};
use crate::schema::ModelSchema;

/// Which new calls an engine accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Accepts {
    /// It is open.
    All,
    /// It drains: a call in flight may still need the answers of calls that its runner makes.
    InsideOpenCalls,
    /// It cancels its calls.
    None,
}

/// Calls that have been opened and are not over, and whether there may be more.
pub(super) struct OpenCalls {
    pub(super) accepts: Accepts,
    /// By the number of the call. Weak, because the task that runs a call owns it.
    pub(super) by_number: BTreeMap<u64, WeakCall>,
}

impl OpenCalls {
    /// Whether a call inside these calls of the engine is accepted.
    pub(super) fn accept(&self, inside: &[u64]) -> bool {
        match self.accepts {
            Accepts::All => true,
            Accepts::InsideOpenCalls => inside.iter().any(|number| self.by_number.contains_key(number)),
            Accepts::None => false,
        }
    }
}

impl Default for OpenCalls {
    fn default() -> Self {
        Self {
            accepts: Accepts::All,
            by_number: BTreeMap::new(),
        }
    }
}

pub(crate) struct EngineShared {
    pub(super) models: RwLock<BTreeMap<String, Arc<ModelSchema>>>,
    pub(super) timeouts: Timeouts,
    pub(super) limits: Limits,
    pub(super) retry: RetryPolicy,
    pub(super) policy: Arc<dyn Policy>,
    pub(super) log: Arc<dyn EventLog>,
    pub(super) on_log_failure: OnLogFailure,
    /// Where both are locked, after the models.
    pub(super) own_runners: RwLock<OwnRunners>,
    pub(super) commits: Option<tokio::runtime::Handle>,
    pub(super) open_calls: Mutex<OpenCalls>,
    pub(super) next_call: AtomicU64,
    pub(super) call_over: Notify,
}

impl EngineShared {
    pub(crate) fn log(&self) -> &dyn EventLog {
        &*self.log
    }

    pub(crate) fn on_log_failure(&self) -> OnLogFailure {
        self.on_log_failure
    }

    /// Whether a call inside these calls of the engine is accepted now.
    pub(crate) fn accepts(&self, inside: &[u64]) -> bool {
        self.open_calls.lock().accept(inside)
    }

    pub(crate) fn policy(&self) -> &dyn Policy {
        &*self.policy
    }

    /// The runners to try for a model, in order.
    pub(crate) fn candidates(
        &self,
        of_call: Option<&Arc<dyn InferenceRunner>>,
        model: &ModelSchema,
    ) -> Vec<Arc<dyn InferenceRunner>> {
        self.own_runners.read().chain(of_call, model)
    }

    /// The hints for which the engine or the process has a runner, in alphabetical order.
    pub(crate) fn hints_with_runner(&self) -> Vec<String> {
        let mut hints = hints_with_runner();
        hints.extend(self.own_runners.read().slots.hints().map(str::to_owned));
        hints.sort_unstable();
        hints.dedup();
        hints
    }

    /// For the error message about a model without a runner: its name may be wrong. Empty when it is registered.
    pub(crate) fn maybe_misspelt(&self, id: &str) -> String {
        super::maybe_misspelt(id, &self.models.read())
    }

    pub(crate) fn forget(&self, number: u64) {
        self.open_calls.lock().by_number.remove(&number);
        self.call_over.notify_waiters();
    }

    /// Waits for a log's commit beside the call.
    pub(crate) fn commit(&self, commit: Pin<Box<dyn Future<Output = ()> + Send>>) {
        match self
            .commits
            .clone()
            .or_else(|| tokio::runtime::Handle::try_current().ok())
        {
            Some(runtime) => drop(runtime.spawn(commit)),
            // A commit that no thread can be had for is dropped, and so fails.
            None => drop(std::thread::Builder::new().spawn(move || block_on(commit))),
        }
    }
}
