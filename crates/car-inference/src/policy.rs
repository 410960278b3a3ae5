//! What may be called and delivered. Asked at three points: the request, each event, the ending.
//! The gate owns when it is asked; a policy owns only its verdict.

use std::sync::Arc;

use crate::call::CallFacts;
use crate::stream::{Completion, EventRef, StreamEvent};
use crate::tasks::generate::GenerateRequest;

/// A set of rules, shared by all calls of an engine.
pub trait Policy: Send + Sync + 'static {
    /// Rules on a request before any runner sees it. What is returned judges the call's events.
    fn request(&self, facts: &CallFacts, request: &GenerateRequest) -> RequestVerdict;
}

/// What a policy says of a request.
pub enum RequestVerdict {
    /// Allowed, and none of its events need judging.
    Allow,
    /// Allowed; its events and its ending are judged by this.
    Judge(Box<dyn CallPolicy>),
    /// Denied.
    Deny(Denial),
}

/// The rules for one call; owns what they remember of it. Called under the call's lock: it must not block.
pub trait CallPolicy: Send {
    /// Rules on one event, already in order and within bounds.
    fn event(&mut self, event: EventRef<'_>) -> EventVerdict;

    /// Rules on the ending of a completed call, with the folded answer.
    fn ending(&mut self, completion: &Completion) -> EndingVerdict;
}

/// What a policy says of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum EventVerdict {
    /// Deliver it as it is.
    Pass,
    /// Deliver these instead; none withholds the event. What is delivered is also what is accumulated and logged.
    Replace(Vec<StreamEvent>),
    /// End the call.
    Deny(Denial),
}

/// What a policy says of an ending.
#[derive(Debug, Clone, PartialEq)]
pub enum EndingVerdict {
    /// Deliver it.
    Pass,
    /// Deliver these first: what was held back.
    Release(Vec<StreamEvent>),
    /// End the call as denied.
    Deny(Denial),
}

/// Why policy denied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Denial {
    /// The policy that decided.
    pub policy_id: Option<String>,
    /// In its words.
    pub reason: String,
}

/// Allows everything, at no cost per event. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAll;

impl Policy for AllowAll {
    fn request(&self, _facts: &CallFacts, _request: &GenerateRequest) -> RequestVerdict {
        RequestVerdict::Allow
    }
}

impl<P: Policy + ?Sized> Policy for Arc<P> {
    fn request(&self, facts: &CallFacts, request: &GenerateRequest) -> RequestVerdict {
        (**self).request(facts, request)
    }
}
