//! A loop inside another one: a descriptor to watch, a time to wait, and a turn that does not wait.
//!
//! ```text
//!   the outer loop                                     this loop
//!
//!   watches for reading        ◄── pollable()           once, and again after it has changed
//!   waits no longer than       ◄── next_timeout_ns()    the last call before each wait
//!   wakes for any reason       ──► turn( Wait::Poll )   and serves what the turn found, as always
//! ```

use super::EventLoop;
use super::turn::Wait;
use rustix::fd::BorrowedFd;
use std::io;

impl<T: Clone> EventLoop<T> {
    /// A descriptor that is readable when a turn would report descriptors, and when the loop was woken. It belongs to
    /// the loop: watch it, level-triggered, and do nothing else with it.
    ///
    /// The descriptor changes when the backend has to be built again. That happens after a descriptor was closed
    /// without being removed, and when the loop moves to another thread or into a forked child. A program that does
    /// none of this needs to call this function only once.
    ///
    /// # Errors
    /// `Unsupported` if the backend has no such descriptor: `select`, a replay, and every backend on Windows. Then take
    /// a turn of `Wait::AtMost` at intervals. Otherwise an error of the kernel.
    pub fn pollable(&mut self) -> io::Result<BorrowedFd<'_>> {
        self.observed.backend().pollable()
    }

    /// How long the outer loop may wait: until the next timer is due, 0 if the loop has work now, `None` for ever.
    ///
    /// After a result of 0, a turn may still report nothing. With io_uring the loop also has work when the poll of a
    /// removed descriptor has ended: the descriptor of the rings is readable until a turn has taken that completion.
    ///
    /// This call also passes pending changes to the kernel, as the wait of a turn would. So call it before each wait of
    /// the outer loop, after the last change of timers and descriptors. Otherwise the descriptor of
    /// [`pollable`](Self::pollable) does not become readable for descriptors that were changed.
    ///
    /// # Errors
    /// An error of the kernel.
    pub fn next_timeout_ns(&mut self) -> io::Result<Option<u64>> {
        self.observed.settle();
        let has_more = self.observed.backend().prepare()?;
        Ok(if has_more { Some(0) } else { self.choose_timeout(Wait::Block) })
    }
}
