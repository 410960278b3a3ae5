//! What a host can ask of a model.

pub mod generate;
