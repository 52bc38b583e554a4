//! Windows cannot cancel a thread so that it unwinds.

/// Does nothing here. On Unix it keeps a thread from being cancelled.
#[derive(Debug)]
pub(crate) struct NotCancelled(());

impl NotCancelled {
    pub(crate) fn new() -> Self {
        Self(())
    }
}
