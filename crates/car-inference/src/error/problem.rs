//! What is wrong with an input, and where.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing that is wrong with an input, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Problem {
    /// Where, such as `messages[2].content`; empty for the whole.
    pub path: String,
    /// What is wrong, and what is expected.
    pub message: String,
}

impl Problem {
    /// A problem at `path`.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }

    /// An unknown field at `path`. The message lists the known fields and suggests the one that was probably meant: one
    /// with a similar spelling, or our name for a field of another library.
    ///
    /// ```
    /// use car_inference::Problem;
    /// let problem = Problem::unknown_field("", "form", &["after", "from"]);
    /// assert_eq!(problem.to_string(), "form: unknown field; known are after, from; did you mean `from`?");
    /// ```
    #[must_use]
    pub fn unknown_field(path: &str, name: &str, known: &[&str]) -> Self {
        let mut field_path = path.to_owned();
        crate::depth::push_name(&mut field_path, name);
        Self::new(field_path, crate::shape::unknown_field(name, known))
    }

    /// Problems as one text, each with its path.
    pub(crate) fn list(problems: &[Self]) -> String {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path.as_str() {
            "" => formatter.write_str(&self.message),
            path => write!(formatter, "{path}: {}", self.message),
        }
    }
}
