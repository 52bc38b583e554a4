//! On Unix this file keeps a thread from being cancelled. Windows cannot cancel a thread so that the thread unwinds.

/// Does nothing here. On Unix it keeps a thread from being cancelled.
#[derive(Debug)]
pub(crate) struct NotCancelled(());

impl NotCancelled {
    pub(crate) fn new() -> Self {
        Self(())
    }
}
