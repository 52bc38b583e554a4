//! A loop inside another one: a descriptor to watch, how long to wait for it, and a turn that does not wait.
//!
//! ```text
//!   the other loop                                     this loop
//!
//!   watches for reading        ◄── pollable()           once, and again after it has changed
//!   waits no longer than       ◄── next_timeout_ns()    before each wait, after everything else
//!   wakes, for whatever reason ──► turn( Wait::Poll )   and serves what that found, as always
//! ```

use super::EventLoop;
use super::turn::Wait;
use rustix::fd::BorrowedFd;
use std::io;

impl<T: Default + Clone> EventLoop<T> {
    /// The descriptor that is readable when a turn has descriptors to report, or was woken. It belongs to the loop: watch
    /// it, level-triggered, and do nothing else to it.
    ///
    /// A backend that is made anew inside has another one. That happens after a descriptor was closed without being
    /// removed. A program that never does that needs to ask only once.
    ///
    /// # Errors
    /// `Unsupported` where there is none (`select`, and Windows): there a turn of `Wait::AtMost` now and then has to do. Or
    /// what the kernel says.
    pub fn pollable(&mut self) -> io::Result<BorrowedFd<'_>> {
        self.observed.backend().pollable()
    }

    /// How long the other loop may wait: until the next timer is due, 0 when there is work at hand, `None` for ever.
    ///
    /// The turn after a 0 may report nothing. io_uring has work at hand, too, when a poll that was removed has ended: its
    /// descriptor is readable until a turn has taken that.
    ///
    /// It also hands to the kernel what a turn would hand to it by waiting. So it has to be asked before each wait of the
    /// other loop, after the last change of timers and descriptors, or [`pollable`](Self::pollable) does not tell of
    /// them.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn next_timeout_ns(&mut self) -> io::Result<Option<u64>> {
        self.observed.settle();
        let has_more = self.observed.backend().prepare()?;
        Ok(if has_more { Some(0) } else { self.prepare(Wait::Block) })
    }
}
