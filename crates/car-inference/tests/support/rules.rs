//! A policy made of functions.

use std::sync::Arc;

use car_inference::policy::{CallPolicy, EndingVerdict, EventVerdict, RequestVerdict};
use car_inference::stream::EventRef;
use car_inference::{CallFacts, Completion, GenerateRequest, Policy};

type OnEvent = Arc<dyn Fn(EventRef<'_>) -> EventVerdict + Send + Sync>;
type OnEnding = Arc<dyn Fn(&Completion) -> EndingVerdict + Send + Sync>;

/// Judges events and endings; lets every request in.
#[derive(Clone)]
pub struct Rules {
    on_event: OnEvent,
    on_ending: OnEnding,
}

impl Rules {
    pub fn events(on_event: impl Fn(EventRef<'_>) -> EventVerdict + Send + Sync + 'static) -> Self {
        Self {
            on_event: Arc::new(on_event),
            on_ending: Arc::new(|_| EndingVerdict::Pass),
        }
    }

    pub fn ending(on_ending: impl Fn(&Completion) -> EndingVerdict + Send + Sync + 'static) -> Self {
        Self::events(|_| EventVerdict::Pass).and_ending(on_ending)
    }

    pub fn and_ending(self, on_ending: impl Fn(&Completion) -> EndingVerdict + Send + Sync + 'static) -> Self {
        Self {
            on_ending: Arc::new(on_ending),
            ..self
        }
    }
}

impl Policy for Rules {
    fn request(&self, _facts: &CallFacts, _request: &GenerateRequest) -> RequestVerdict {
        RequestVerdict::Judge(Box::new(self.clone()))
    }
}

impl CallPolicy for Rules {
    fn event(&mut self, event: EventRef<'_>) -> EventVerdict {
        (self.on_event)(event)
    }

    fn ending(&mut self, completion: &Completion) -> EndingVerdict {
        (self.on_ending)(completion)
    }
}

/// Does the same to every text delta, and passes everything else.
pub fn text_rule(rule: impl Fn(&str) -> EventVerdict + Send + Sync + 'static) -> Rules {
    Rules::events(move |event| match event {
        EventRef::TextDelta(text) => rule(text),
        _ => EventVerdict::Pass,
    })
}
