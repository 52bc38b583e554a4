//! A breach of a rule, with its place and the reason for the rule.

use std::fmt;

/// One breach of one rule.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Finding {
    /// `file:line`.
    pub(super) place: String,
    pub(super) what: String,
    pub(super) why: &'static str,
}

impl Finding {
    pub(super) fn new(file: &str, line: usize, what: impl Into<String>, why: &'static str) -> Self {
        Self { place: format!("{file}:{line}"), what: what.into(), why }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n    {}", self.place, self.what, self.why)
    }
}
