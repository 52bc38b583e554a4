//! The calls of a loop to its kernel: register, change, forget, wait. Each kernel interface has a module, and all
//! modules have the same structure.
//!
//! ```text
//!            add ──► modify ──► remove          one registration, named by its token
//!             │        │
//!             ▼        ▼
//!            wait ──► [ Event{ token, ready }, … ]      at most one for each token
//! ```
//!
//! Every backend of a kernel promises the following, so that a program cannot tell on which backend it runs:
//!
//! - It is level-triggered: every wait reports a descriptor that is still ready, unless
//!   [`expect_news`](Backend::expect_news) has said that this is not necessary.
//! - Reported readiness is true when the wait returns, whatever the program has read or written before.
//! - Hang-up and error are reported as readiness for both directions; the loop reports only the observed ones.
//! - Regular files, directories and `/dev/null` are always ready.
//! - After `remove` there is no event of that token, and no reference of the backend keeps the descriptor's file open.
//! - A signal or a wake is not an event: `wait` returns early and reports nothing.
//! - A descriptor that was closed without `remove` is dropped: it causes no event and no busy loop, and its peer sees
//!   the end. With io_uring, a poll in the kernel keeps the file open. So the peer sees the end only when the backend
//!   notices that the descriptor was closed: see [`uring`](crate::uring).
//! - If more descriptors are ready than one wait reports, later waits report the rest before they report the same
//!   descriptors again.
//! - When memory runs out, `add` returns an error, and `modify` may return one. `remove` and `wait` need no memory.

use crate::memory::error_in_words;
use crate::{Interest, Token, Waker};
use rustix::fd::BorrowedFd;
use std::io;

/// The most events that one wait takes from the kernel. A wait also reports descriptors that are always ready and that
/// the kernel refuses to watch, again at most this number. The limit bounds a turn's work and the size of the buffer.
pub const EVENTS_MAX: usize = 1024;

/// A wait on io_uring or epoll that is no longer than this does not sleep: it polls the kernel until the time has
/// passed. Going to sleep and waking up would take as much CPU time, and the wait would end later (docs/backends.md).
pub const BRIEF_NS: u64 = 16_000;

/// A report of a wait about one registration.
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
/// The caller registers a descriptor number under at most one token at a time. A new token that replaces an old one has
/// the same index. The caller keeps the descriptor open from `add` to `remove`. If the caller closes the descriptor
/// earlier, only the events of that descriptor are lost.
///
/// A backend borrows the descriptor for the length of a call. It may keep the number
/// ([`as_raw_fd`](rustix::fd::AsRawFd::as_raw_fd)), which gives no access to the file. The types do not let a backend
/// keep the descriptor itself, because another file may have the number later:
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
    /// The name by which the backend is chosen.
    fn name(&self) -> &'static str;

    /// Lets `waker` end every wait. The backend keeps a clone of the waker, clears its wakes before `wait` returns, and
    /// reports no event for it.
    ///
    /// # Errors
    /// An error of the kernel.
    fn attach(&mut self, waker: &Waker) -> io::Result<()>;

    /// Registers a descriptor.
    ///
    /// # Errors
    /// An error of the kernel; nothing is registered then.
    fn add(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()>;

    /// Changes the interest, or replaces the old token by a new one. The backend may have dropped the registration
    /// because the descriptor was closed. Then it registers the file that has the number now.
    ///
    /// # Errors
    /// An error of the kernel; the old registration stays then.
    fn modify(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()>;

    /// Says that the loop needs only new readiness of this registration. The backend need not report the same readiness
    /// again before [`modify`](Self::modify), or before another token replaces this one. A backend that gains nothing
    /// from this call may ignore it.
    fn expect_news(&mut self, _token: Token) {}

    /// Forgets a registration, even when it returns an error of the kernel. It is no error if the descriptor is already
    /// closed.
    ///
    /// # Errors
    /// An error of the kernel, which only informs the caller. In a forked child, an error that says that the
    /// parent has the loop; nothing has changed then.
    fn remove(&mut self, fd: BorrowedFd<'_>, token: Token) -> io::Result<()>;

    /// Waits until a descriptor is ready or `timeout_ns` have passed (`None`: for ever), and appends the events to
    /// `events`. The vector has room for an event of each registration, up to [`EVENTS_MAX`] events. A backend with
    /// more events asks for memory. If there is no memory, the backend leaves the rest to the next wait.
    ///
    /// The wait may return early without an event.
    ///
    /// # Errors
    /// An error of the kernel, but not `EINTR`.
    fn wait(&mut self, events: &mut Vec<Event>, timeout_ns: Option<u64>) -> io::Result<()>;

    /// The directions of `directions` in which a registered descriptor is ready at this moment. If a callback has run
    /// since the wait, the loop calls this function before it reports a blocking descriptor. The callback may have read
    /// all the data, and then the next read would block.
    fn look(&mut self, fd: BorrowedFd<'_>, directions: Interest, _token: Token) -> Interest {
        crate::look::now(fd, directions)
    }

    /// A descriptor that is readable when [`wait`](Self::wait) would report an event, or when a wake has come. An outer
    /// event loop can watch it.
    ///
    /// # Errors
    /// `Unsupported` if the backend has no such descriptor, or an error of the kernel.
    fn pollable(&mut self) -> io::Result<BorrowedFd<'_>> {
        let message = format_args!("{} has no descriptor that another loop could watch", self.name());
        Err(error_in_words(io::ErrorKind::Unsupported, message))
    }

    /// Passes pending changes to the kernel, as the next `wait` would. Until then the descriptor of
    /// [`pollable`](Self::pollable) does not become readable for changed registrations. Returns `true` if the next
    /// `wait` returns at once anyway.
    ///
    /// # Errors
    /// An error of the kernel.
    fn prepare(&mut self) -> io::Result<bool> {
        Ok(false)
    }
}
