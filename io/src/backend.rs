//! What the loop asks of a kernel: register, change, forget, wait. One file for each kernel interface, twins of each other.
//!
//! ```text
//!            add ──► modify ──► remove          one registration, named by its token
//!             │        │
//!             ▼        ▼
//!            wait ──► [ Event{ token, ready }, … ]      at most one for each token
//! ```
//!
//! What every backend of a kernel promises, so that a program cannot tell on which one it runs:
//!
//! - Level-triggered: what stays ready is reported by every wait, unless [`expect_news`](Backend::expect_news) has said
//!   that it need not be.
//! - What a wait reports is true when it comes back, whatever the user's code has read or written before.
//! - Hang-up and error are reported as readiness for both directions; the loop masks it by what is observed.
//! - Regular files, directories and `/dev/null` are always ready.
//! - After `remove` there is no event of that token, and nothing of ours keeps the descriptor's file open.
//! - A signal, and a wake, are no events: `wait` comes back early, with nothing.
//! - A descriptor that was closed without `remove` is dropped: no event, no spinning, and its peer sees the end (on
//!   io_uring, which holds the file while it waits for it, when that is found out: see [`uring`](crate::uring)).
//! - When there is more than one batch holds, later waits report the rest before the same ones again.
//! - Running out of memory is an error of `add`, and of a `modify` that makes a registration anew; `remove` and `wait` need
//!   none.

use crate::memory::error_in_words;
use crate::{Interest, Token, Waker};
use rustix::fd::BorrowedFd;
use std::io;

/// The most events that one wait takes from the kernel, and the most that it adds of what is always ready and the kernel
/// does not take: it bounds a turn's work and fixes the buffer's size.
pub const EVENTS_MAX: usize = 1024;

/// Waits shorter than this spin instead of sleeping: they ask the kernel again and again what is ready, until it is time.
/// Falling asleep and waking up takes as much CPU time, and ends later by more than that: `docs/backends.md`.
pub const BRIEF_NS: u64 = 16_000;

/// What a wait found out about one registration.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub struct Event {
    /// The registration.
    pub token: Token,
    /// The directions that are ready, observed or not.
    pub ready: Interest,
}

impl Event {
    /// The event "`token` is ready for `ready`".
    #[must_use]
    pub const fn new(token: Token, ready: Interest) -> Self {
        Self { token, ready }
    }
}

/// A kernel interface that reports readiness.
///
/// The caller keeps a descriptor number under one token at a time, and gives a new token the old one's slot when it puts
/// one in the place of another. The caller keeps the descriptor open from `add` to `remove`; a descriptor that was closed
/// in spite of that loses its events and disturbs nothing else.
///
/// A backend has the descriptor for the length of a call. It may keep the number
/// ([`as_raw_fd`](rustix::fd::AsRawFd::as_raw_fd)), which gives no access to the file. It cannot keep the descriptor, since
/// that could be another file's later:
///
/// ```compile_fail,E0308
/// # use cogloop_io::{Backend, Event, Interest, Token, Waker};
/// # use rustix::fd::BorrowedFd;
/// # use std::io;
/// struct Keeps(Option<BorrowedFd<'static>>);
///
/// impl Backend for Keeps {
///     fn add(&mut self, fd: BorrowedFd<'static>, _: Interest, _: Token) -> io::Result<()> {
///         self.0 = Some(fd);
///         Ok(())
///     }
/// #   fn name(&self) -> &'static str { "keeps" }
/// #   fn attach(&mut self, _: &Waker) -> io::Result<()> { Ok(()) }
/// #   fn modify(&mut self, _: BorrowedFd<'_>, _: Interest, _: Token) -> io::Result<()> { Ok(()) }
/// #   fn remove(&mut self, _: BorrowedFd<'_>, _: Token) -> io::Result<()> { Ok(()) }
/// #   fn wait(&mut self, _: &mut Vec<Event>, _: Option<u64>) -> io::Result<()> { Ok(()) }
/// }
/// ```
pub trait Backend {
    /// The name by which it is chosen.
    fn name(&self) -> &'static str;

    /// Lets `waker` end every wait. The backend keeps a clone, takes its wakes before `wait` comes back, and reports no
    /// event of it.
    ///
    /// # Errors
    /// The kernel's.
    fn attach(&mut self, waker: &Waker) -> io::Result<()>;

    /// Registers a descriptor.
    ///
    /// # Errors
    /// The kernel's; nothing is registered then.
    fn add(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()>;

    /// Changes what is observed, or puts a new token in the place of an old one. A registration that the backend has
    /// dropped since, because the descriptor was closed, is made anew for the file that has the number now.
    ///
    /// # Errors
    /// The kernel's; the old registration stands then.
    fn modify(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()>;

    /// Says that of this registration only news matter, until another token takes its place: readiness that was reported
    /// need not be reported again before [`modify`](Self::modify). A backend to which that is no help goes on as ever.
    fn expect_news(&mut self, _token: Token) {}

    /// Forgets a registration, always. A descriptor that is already closed is no error.
    ///
    /// # Errors
    /// The kernel's, for information.
    fn remove(&mut self, fd: BorrowedFd<'_>, token: Token) -> io::Result<()>;

    /// Waits until something is ready or `timeout_ns` have passed (`None`: for ever), and appends to `events`, which has
    /// room for an event of each registration, [`EVENTS_MAX`] at the most. A backend with more to report asks for memory,
    /// and leaves the rest to the next wait when there is none.
    ///
    /// May come back early with nothing.
    ///
    /// # Errors
    /// The kernel's; never that of a signal.
    fn wait(&mut self, events: &mut Vec<Event>, timeout_ns: Option<u64>) -> io::Result<()>;

    /// For which of `directions` a registered descriptor is ready at this moment. The loop asks it of a descriptor that
    /// blocks, when a callback has run since it was reported: reading it for nothing would wait.
    fn look(&mut self, fd: BorrowedFd<'_>, directions: Interest, _token: Token) -> Interest {
        crate::look::now(fd, directions)
    }

    /// A descriptor that is readable when [`wait`](Self::wait) would report something or was woken, for a loop around
    /// this one.
    ///
    /// # Errors
    /// `Unsupported` where there is none, or the kernel's.
    fn pollable(&mut self) -> io::Result<BorrowedFd<'_>> {
        let message = format_args!("{} has no descriptor that another loop could watch", self.name());
        Err(error_in_words(io::ErrorKind::Unsupported, message))
    }

    /// Hands to the kernel what the next `wait` would, so that [`pollable`](Self::pollable) tells of it from now on.
    /// `true` when the next `wait` comes back at once anyway.
    ///
    /// # Errors
    /// The kernel's.
    fn prepare(&mut self) -> io::Result<bool> {
        Ok(false)
    }
}
