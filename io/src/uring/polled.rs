//! `poll( 2 )` of many descriptors at once, without waiting.
//!
//! rustix has only `ppoll`, which needs 33 ns more for its timeout and its signal mask. That is a fortieth of the time
//! of an event.

use nix::libc;
use rustix::event::PollFlags;
use rustix::io::Errno;
use std::collections::TryReserveError;
use std::os::fd::RawFd;

/// The descriptors to poll, and the answers. The bits of `PollFlags` have the kernel's type, or that of libc if rustix
/// goes through libc.
#[derive(Default)]
pub(super) struct Polled(Vec<libc::pollfd>);

impl Polled {
    /// Makes room for `count` descriptors.
    pub(super) fn try_grow(&mut self, count: usize) -> Result<(), TryReserveError> {
        self.0.try_reserve(count.saturating_sub(self.0.len()))
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a descriptor. It need not be open.
    pub(super) fn push(&mut self, fd: RawFd, flags: PollFlags) {
        self.0.push(libc::pollfd { fd, events: flags.bits() as _, revents: 0 });
    }

    /// Polls the descriptors.
    ///
    /// # Errors
    /// `NOMEM`, `INTR` if a signal is pending and nothing is ready, or `INVAL` if there are more descriptors than the
    /// process may have open.
    pub(super) fn ask(&mut self) -> Result<(), Errno> {
        // SAFETY: the kernel reads and writes exactly the elements of the vector, which are `pollfd`s. It answers a
        // number that is not open with POLLNVAL, and does nothing to a file.
        let answer = unsafe { libc::poll(self.0.as_mut_ptr(), self.0.len() as libc::nfds_t, 0) };
        if answer < 0 {
            Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
        } else {
            Ok(())
        }
    }

    /// The answer for the `nth` descriptor; empty if it is not ready.
    pub(super) fn answer(&self, nth: usize) -> PollFlags {
        PollFlags::from_bits_retain(self.0[nth].revents as _)
    }
}
