//! What all calls of an engine share.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use super::own_runners::OwnRunners;
use crate::block_on::block_on;
use crate::call::WeakCall;
use crate::log::EventLog;
use crate::options::{Limits, OnLogFailure, RetryPolicy, Timeouts};
use crate::policy::Policy;
use crate::runner::InferenceRunner;
use crate::schema::ModelSchema;

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
    pub(super) closed: AtomicBool,
    /// Calls that have been opened and are not over, by number. Whoever drives a call keeps it.
    pub(super) open_calls: Mutex<BTreeMap<u64, WeakCall>>,
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

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
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

    pub(crate) fn forget(&self, number: u64) {
        self.open_calls.lock().remove(&number);
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
