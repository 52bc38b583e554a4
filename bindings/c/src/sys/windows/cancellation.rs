//! Windows has no cancellation of threads that unwinds.

/// Stands for what keeps a thread from being cancelled on Unix.
#[derive(Debug)]
pub(crate) struct NotCancelled(());

impl NotCancelled {
    pub(crate) fn new() -> Self {
        Self(())
    }
}
