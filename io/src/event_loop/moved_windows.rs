//! A loop that goes on in another thread, on Windows; `moved.rs` is for Unix. A completion port belongs to no thread,
//! and a process is never forked, so the loop keeps its backend.

use super::EventLoop;
use super::options::Options;
use crate::Error;

#[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "the same functions for Unix need both")]
impl<T: Clone> EventLoop<T> {
    /// Call this before the loop moves, on the thread that has run it until now. Does nothing on Windows.
    pub fn leave_thread(&mut self) {}

    /// Call this on the next thread, before anything else. Does nothing on Windows.
    ///
    /// # Errors
    /// None on Windows.
    pub fn enter_thread(&mut self, _options: &Options) -> Result<(), Error> {
        Ok(())
    }

    /// Does nothing on Windows.
    ///
    /// # Errors
    /// None on Windows.
    pub fn after_fork(&mut self, _options: &Options) -> Result<(), Error> {
        Ok(())
    }
}
