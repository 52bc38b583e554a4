//! A safe interface to the kernel's two rings: queued entries go in, completions come out.
//!
//! ```text
//!   poll, unpoll ──► submission ring ──┐
//!                                      ├── enter: one system call sends, waits, and collects
//!           next ◄── completion ring ◄─┘
//! ```
//!
//! The only entries are polls, their removal, and the quiet timer ([`QUIET_NS`]). None of them points to memory that
//! may be freed: after a call the kernel uses only the rings, and it counts its references to those.

use crate::memory::error_in_words;
use crate::sys::above_standard;
use io_uring::squeue::{Entry, Flags};
use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, cqueue, opcode};
use rustix::event::PollFlags;
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// How the rings are set up, best first.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Setup {
    /// Completions are made only in `enter`, and only the one thread that calls it may use the rings (Linux 6.1).
    Deferred,
    /// Completions are made when this thread makes any system call. They do not interrupt the thread (Linux 5.19).
    Cooperative,
    /// Every kernel with io_uring.
    Plain,
}

impl Setup {
    pub(super) const ALL: [Self; 3] = [Self::Deferred, Self::Cooperative, Self::Plain];
}

/// The kernel's answer to an entry.
#[derive(Copy, Clone, Debug)]
pub(super) struct Completion {
    /// The entry's name.
    pub(super) name: u64,
    /// The result of the operation, or a negative error number.
    pub(super) result: i32,
    /// Whether the entry is finished. Most completions of a multishot poll do not finish it.
    pub(super) has_ended: bool,
}

/// The size of the completion ring as a multiple of the submission ring. To remove a poll, the kernel looks it up in a
/// hash table, whose size follows that of the completion ring. With 10,000 polls a removal takes 1.6 µs at this size.
const COMPLETIONS: u32 = 32;

/// The same multiple for plain rings, and for the other rings where memory is short. With 10,000 polls a removal takes
/// 4 µs at this size. The larger ring can fail with `ENOMEM` for two reasons, although the machine has memory. First,
/// before Linux 5.12 and at least in 6.18, the rings count as locked memory (`ulimit -l`), unless the process has
/// `CAP_IPC_LOCK`. Second, the kernel may find no adjacent pages for the ring
/// (<https://github.com/axboe/liburing/issues/1614>).
const FEW_COMPLETIONS: u32 = 4;

/// The duration of the quiet timer. After this time without an event the armed registrations are checked.
pub(super) const QUIET_NS: u64 = 10_000_000;

static QUIET_TIMER: Timespec = Timespec::new().nsec(QUIET_NS as u32);

/// A submission ring and a completion ring.
pub(super) struct Ring {
    rings: IoUring,
    setup: Setup,
    // Suppresses the completion of a successful removal, where the kernel can.
    quiet: Flags,
    // Whether the kernel supports multishot polls (Linux 5.13).
    pub(super) has_multishot: bool,
}

impl Ring {
    /// # Errors
    /// An error of the kernel: `EINVAL` for a setup that it does not support, `EPERM` or `ENOSYS` if io_uring is
    /// forbidden. `Unsupported` before Linux 5.11.
    pub(super) fn new(entries: u32, setup: Setup) -> io::Result<Self> {
        above_standard(|| Self::make_of_a_size(entries, setup), |ring| ring.rings.as_raw_fd())
    }

    fn make_of_a_size(entries: u32, setup: Setup) -> io::Result<Self> {
        if setup == Setup::Plain {
            return Self::make(entries, FEW_COMPLETIONS, setup);
        }
        match Self::make(entries, COMPLETIONS, setup) {
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NOMEM) => {
                Self::make(entries, FEW_COMPLETIONS, setup)
            }
            made => made,
        }
    }

    fn make(entries: u32, completions: u32, setup: Setup) -> io::Result<Self> {
        let mut builder = IoUring::builder();
        builder.setup_cqsize(entries * completions);
        match setup {
            Setup::Deferred => {
                builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag().setup_submit_all()
            }
            Setup::Cooperative => builder.setup_coop_taskrun().setup_taskrun_flag().setup_submit_all(),
            Setup::Plain => &mut builder,
        };
        let rings = match setup {
            // From Linux 6.6 on the rings can do without the array of indices between ring and entries.
            Setup::Deferred => builder.clone().setup_no_sqarray().build(entries).or_else(|_| builder.build(entries)),
            _ => builder.build(entries),
        }?;
        if !rings.params().is_feature_ext_arg() || !rings.params().is_feature_nodrop() {
            let message = format_args!("io_uring is older than that of Linux 5.11");
            return Err(error_in_words(io::ErrorKind::Unsupported, message));
        }
        let can_be_quiet = rings.params().is_feature_skip_cqe_on_success();
        let quiet = if can_be_quiet { Flags::SKIP_SUCCESS } else { Flags::empty() };
        // The kernel has no flag for multishot polls, but one for a feature that came in the same version.
        let has_multishot = rings.params().is_feature_resource_tagging();
        Ok(Self { rings, setup, quiet, has_multishot })
    }

    /// Queues a poll whose completions have the name `name`. If `lasts` is true and the kernel has multishot polls, the
    /// poll is multishot. Otherwise it is one-shot. Returns `false` if the ring is full.
    pub(super) fn poll(&mut self, name: u64, fd: BorrowedFd<'_>, flags: PollFlags, lasts: bool) -> bool {
        let poll = opcode::PollAdd::new(Fd(fd.as_raw_fd()), flags.bits() as u32).multi(lasts && self.has_multishot);
        self.queue(&poll.build().user_data(name))
    }

    /// Queues the removal of the poll `name`. The poll then completes under its own name. The completion of the removal
    /// has the name `answer`, or is suppressed. Returns `false` if the ring is full.
    pub(super) fn unpoll(&mut self, name: u64, answer: u64) -> bool {
        self.queue(&opcode::PollRemove::new(name).build().user_data(answer).flags(self.quiet))
    }

    /// Queues a timer that completes under `name` after [`QUIET_NS`]. Returns `false` if the ring is full.
    pub(super) fn quiet_timer(&mut self, name: u64) -> bool {
        self.queue(&opcode::Timeout::new(&QUIET_TIMER).build().user_data(name))
    }

    fn queue(&mut self, entry: &Entry) -> bool {
        // SAFETY:
        // 1. An entry's pointers must be valid until it completes. Only `poll`, `unpoll` and `quiet_timer` build
        //    entries. Those of the first two have no pointers; that of the quiet timer points to a static.
        // 2. A descriptor in an entry may be closed meanwhile: it is only a number, and the kernel holds its file.
        unsafe { self.rings.submission().push(entry) }.is_ok()
    }

    /// The number of queued entries that the kernel has not taken.
    pub(super) fn queued(&mut self) -> usize {
        self.rings.submission().len()
    }

    /// Whether there are completions that only another [`enter`](Self::enter) delivers: the kernel has deferred them,
    /// or the ring had no room for them.
    pub(super) fn has_more(&mut self) -> bool {
        let queue = self.rings.submission();
        queue.cq_overflow() || queue.taskrun()
    }

    /// Submits the queued entries, then waits until there is a completion or `timeout_ns` have passed. `None` waits for
    /// ever, and 0 does not wait. Returns how many entries the kernel took.
    ///
    /// # Errors
    /// An error of the kernel; `TIME` if the time has passed and nothing was submitted.
    pub(super) fn enter(&mut self, timeout_ns: Option<u64>) -> Result<usize, Errno> {
        let queued = self.queued();
        self.enter_with(queued, timeout_ns)
    }

    /// Does what [`enter`](Self::enter) does, but leaves the queued entries in the queue.
    pub(super) fn wait(&mut self, timeout_ns: u64) -> Result<usize, Errno> {
        self.enter_with(0, Some(timeout_ns))
    }

    fn enter_with(&mut self, queued: usize, timeout_ns: Option<u64>) -> Result<usize, Errno> {
        let timeout = timeout_ns.map(|ns| Timespec::new().sec(ns / 1_000_000_000).nsec((ns % 1_000_000_000) as u32));
        let wanted = u32::from(timeout_ns != Some(0));
        // `GETEVENTS` even if nothing is waited for: without it the kernel makes no completions.
        let mut flags = EnterFlags::GETEVENTS;
        let mut arguments = None;
        if let Some(timeout) = timeout.as_ref().filter(|_| wanted > 0) {
            flags |= EnterFlags::EXT_ARG;
            arguments = Some(SubmitArgs::new().timespec(timeout));
        }
        // SAFETY:
        // 1. `EXT_ARG` says that the argument is an `io_uring_getevents_arg`, and `SubmitArgs` is a transparent wrapper
        //    of one. Without the flag there is no argument.
        // 2. Its timespec is on this stack frame, and the kernel reads it only during the call.
        // 3. The submission ring holds at least `queued` entries, put there by `queue`.
        let answer = unsafe { self.rings.submitter().enter(queued as u32, wanted, flags.bits(), arguments.as_ref()) };
        answer.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }

    /// Whether there is a completion to take.
    pub(super) fn has_completed(&mut self) -> bool {
        !self.rings.completion().is_empty()
    }

    /// The setup that the rings were made with.
    pub(super) fn setup(&self) -> Setup {
        self.setup
    }

    /// The rings' own descriptor. It is readable while there is a completion to take.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the rings keep it open as long as they live, and the result borrows them.
        unsafe { BorrowedFd::borrow_raw(self.rings.as_raw_fd()) }
    }

    /// Takes the oldest completion.
    pub(super) fn next(&mut self) -> Option<Completion> {
        self.rings.completion().next().map(|entry| Completion {
            name: entry.user_data(),
            result: entry.result(),
            has_ended: !cqueue::more(entry.flags()),
        })
    }
}
