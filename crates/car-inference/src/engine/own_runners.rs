//! The runners of one engine: one for each model, one for each hint, and one for every model. Also decides the order of
//! all runners, those of the call and of the process included. Runs nothing.

use std::collections::HashMap;
use std::sync::Arc;

use crate::runner::{InferenceRunner, Slots, append, append_registered};
use crate::schema::ModelSchema;

#[derive(Default)]
pub(crate) struct OwnRunners {
    pub(super) slots: Slots,
    by_model: HashMap<String, Arc<dyn InferenceRunner>>,
}

impl OwnRunners {
    /// Whether there is any: then the engine accepts requests for unregistered models.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.by_model.is_empty()
    }

    /// Sets or clears a model's runner. Returns the previous runner; the caller drops it outside the lock.
    pub(super) fn replace_for_model(
        &mut self,
        model: &str,
        runner: Option<Arc<dyn InferenceRunner>>,
    ) -> Option<Arc<dyn InferenceRunner>> {
        match runner {
            Some(runner) => self.by_model.insert(model.to_owned(), runner),
            None if self.by_model.is_empty() => None,
            None => self.by_model.remove(model),
        }
    }

    pub(super) fn for_model(&self, model: &str) -> Option<&Arc<dyn InferenceRunner>> {
        self.by_model.get(model)
    }

    /// The runners to try for a model, in order: the call's, the model's, the engine's, the process's.
    pub(super) fn chain(
        &self,
        of_call: Option<&Arc<dyn InferenceRunner>>,
        model: &ModelSchema,
    ) -> Vec<Arc<dyn InferenceRunner>> {
        let mut chain = Vec::new();
        for runner in of_call.into_iter().chain(self.for_model(&model.id)) {
            append(&mut chain, runner);
        }
        self.slots.append_to(&mut chain, model.hint());
        append_registered(&mut chain, model.hint());
        chain
    }
}
