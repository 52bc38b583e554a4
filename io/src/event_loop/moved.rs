//! A loop that goes on elsewhere: in another thread, or in a forked child. It keeps its timers and its tokens, and gets
//! a new backend.
//!
//! ```text
//!   this thread                      another thread
//!   leave_thread ──► (moved) ──► enter_thread         the same waker: a clone of it still wakes the loop
//!
//!   the parent ──► fork ──► the child
//!                           after_fork                another waker: the parent has the old one
//! ```
//!
//! An io_uring may belong to the thread that made it, and a forked child shares its backend's kernel objects with its
//! parent. So the loop cannot keep the old backend in either case. A loop that records or replays cannot move: its
//! recording is bound to the backend, and a forked child would share the file with its parent.

use super::EventLoop;
use super::options::{ClockChoice, Options};
use crate::{Backend, Error, VirtualTime, Waker, choose};

impl<T: Clone> EventLoop<T> {
    /// Takes the descriptors out of the backend, on the thread that has run the loop until now. Call
    /// [`enter_thread`](Self::enter_thread) on the next thread before anything else.
    pub fn leave_thread(&mut self) {
        self.observed.leave_backend();
    }

    /// Opens a new backend for this thread, by the options with which the loop was made, and registers every descriptor
    /// with it. A descriptor that was closed meanwhile gets no event any more; its token stays valid until it is
    /// removed.
    ///
    /// # Errors
    /// As in [`new`](Self::new), and if the loop records or replays. The loop is then as
    /// [`leave_thread`](Self::leave_thread) has left it.
    pub fn enter_thread(&mut self, options: &Options) -> Result<(), Error> {
        self.use_new_backend(options, self.waker.clone())
    }

    /// Makes the loop of a forked child independent of the parent's loop. It opens a new backend by the options with
    /// which the loop was made, makes a new waker, and registers every descriptor again. Timers and tokens stay. The
    /// parent's loop is not affected.
    ///
    /// # Errors
    /// As in [`new`](Self::new), and if the loop records or replays. The loop still belongs to the parent then, and its
    /// turns fail.
    pub fn after_fork(&mut self, options: &Options) -> Result<(), Error> {
        let waker = Waker::new().map_err(|source| Error::Io { doing: "making the waker", source })?;
        self.use_new_backend(options, waker)
    }

    fn use_new_backend(&mut self, options: &Options, waker: Waker) -> Result<(), Error> {
        Self::expect_memory()?;
        if self.journal.is_some() {
            let source = std::io::ErrorKind::Unsupported.into();
            return Err(Error::Io { doing: "moving a loop that records or replays", source });
        }
        let (backend, report) = choose::open(options.backend.as_deref())?;
        let mut backend: Box<dyn Backend> = match &options.clock {
            ClockChoice::Monotonic => backend,
            ClockChoice::Virtual(clock) => Box::new(VirtualTime::new(backend, clock.clone())),
        };
        backend.attach(&waker).map_err(|source| Error::Io { doing: "registering the waker", source })?;
        let registered = self.observed.use_backend(backend);
        registered.map_err(|source| Error::Io { doing: "registering the descriptors anew", source })?;
        (self.waker, self.report) = (waker, report);
        Ok(())
    }
}
