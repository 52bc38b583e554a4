//! The kernel's two rings behind a safe face: what is queued goes in, what has completed comes out.
//!
//! ```text
//!   poll, unpoll ──► submission ring ──┐
//!                                      ├── enter: one system call sends, waits, and collects
//!           next ◄── completion ring ◄─┘
//! ```
//!
//! Only polls, their removal, and the quiet timer pass through here. None of them points to anything that goes away: after a
//! call the kernel keeps nothing of ours but the rings, which it counts references to.

use crate::memory::error_in_words;
use crate::sys::above_standard;
use io_uring::squeue::{Entry, Flags};
use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, cqueue, opcode};
use rustix::event::PollFlags;
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// How the kernel is asked to treat the rings, best first.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Setup {
    /// Completions are made in `enter` and nowhere else, by the one thread that calls it (Linux 6.1).
    Deferred,
    /// Completions are made when this thread makes any system call, and do not interrupt it (Linux 5.19).
    Cooperative,
    /// What every kernel knows.
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
    /// What the operation returns, or the negative error number.
    pub(super) result: i32,
    /// Whether the entry is finished. A poll that lasts is not.
    pub(super) has_ended: bool,
}

/// The size of the completion ring, in submission rings. The kernel finds a poll to remove by a hash table, whose size
/// follows that of the completion ring. With 10,000 polls a removal takes 1.6 µs at this size.
const COMPLETIONS: u32 = 32;

/// The same where memory is short; a removal among 10,000 polls takes 4 µs. Two things make the larger ring fail with
/// `ENOMEM` while the machine has memory: the rings count as locked memory (`ulimit -l`, before Linux 5.12 and at least in
/// 6.18, unless the process has `CAP_IPC_LOCK`), and the kernel may find no adjacent pages for it
/// (<https://github.com/axboe/liburing/issues/1614>).
const FEW_COMPLETIONS: u32 = 4;

/// How long the quiet timer takes: the time without an event after which armed registrations are checked.
pub(super) const QUIET_NS: u64 = 10_000_000;

static QUIET_TIMER: Timespec = Timespec::new().nsec(QUIET_NS as u32);

/// A submission ring and a completion ring.
pub(super) struct Ring {
    rings: IoUring,
    setup: Setup,
    // Has the kernel leave out the completion of a removal that succeeds, where it can.
    quiet: Flags,
    // Whether polls can last (Linux 5.13).
    pub(super) has_multishot: bool,
}

impl Ring {
    /// # Errors
    /// The kernel's: `EINVAL` for a setup that it is too old for, `EPERM` or `ENOSYS` where it is forbidden.
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
            // Without an index between ring and entry, from Linux 6.6 on.
            Setup::Deferred => builder.clone().setup_no_sqarray().build(entries).or_else(|_| builder.build(entries)),
            _ => builder.build(entries),
        }?;
        if !rings.params().is_feature_ext_arg() || !rings.params().is_feature_nodrop() {
            let message = format_args!("io_uring is older than that of Linux 5.11");
            return Err(error_in_words(io::ErrorKind::Unsupported, message));
        }
        let can_be_quiet = rings.params().is_feature_skip_cqe_on_success();
        let quiet = if can_be_quiet { Flags::SKIP_SUCCESS } else { Flags::empty() };
        // Of the same version, and it has a flag.
        let has_multishot = rings.params().is_feature_resource_tagging();
        Ok(Self { rings, setup, quiet, has_multishot })
    }

    /// Queues a poll that completes under `name`: once, or, if it `lasts` and the kernel knows how, whenever there is news.
    /// `false` when the ring is full.
    pub(super) fn poll(&mut self, name: u64, fd: BorrowedFd<'_>, flags: PollFlags, lasts: bool) -> bool {
        let poll = opcode::PollAdd::new(Fd(fd.as_raw_fd()), flags.bits().into()).multi(lasts && self.has_multishot);
        self.queue(&poll.build().user_data(name))
    }

    /// Queues the removal of the poll `name`, which completes too, under its own name. The completion of the removal itself
    /// has the name `answer`, or is left out. `false` when the ring is full.
    pub(super) fn unpoll(&mut self, name: u64, answer: u64) -> bool {
        self.queue(&opcode::PollRemove::new(name).build().user_data(answer).flags(self.quiet))
    }

    /// Queues a completion under `name` after [`QUIET_NS`]. `false` when the ring is full.
    pub(super) fn quiet_timer(&mut self, name: u64) -> bool {
        self.queue(&opcode::Timeout::new(&QUIET_TIMER).build().user_data(name))
    }

    fn queue(&mut self, entry: &Entry) -> bool {
        // SAFETY:
        // 1. An entry's pointers must be valid until it completes: `poll`, `unpoll` and `quiet_timer` build the only
        //    entries; the first two have none, and that of the quiet timer points to a static.
        // 2. A descriptor in it may be closed meanwhile: it is a number, and the kernel keeps the file that it stood for.
        unsafe { self.rings.submission().push(entry) }.is_ok()
    }

    /// How many entries are queued that the kernel has not taken.
    pub(super) fn queued(&mut self) -> usize {
        self.rings.submission().len()
    }

    /// Whether there are completions that only another [`enter`](Self::enter) brings: the kernel has deferred them, or
    /// they are more than the ring holds.
    pub(super) fn has_more(&mut self) -> bool {
        let queue = self.rings.submission();
        queue.cq_overflow() || queue.taskrun()
    }

    /// Sends what is queued, then waits until there is a completion or `timeout_ns` have passed (`None`: for ever; 0:
    /// not at all). Says how many entries the kernel took.
    ///
    /// # Errors
    /// The kernel's; `TIME` when the time has passed and nothing was sent.
    pub(super) fn enter(&mut self, timeout_ns: Option<u64>) -> Result<usize, Errno> {
        let queued = self.queued();
        self.enter_with(queued, timeout_ns)
    }

    /// As [`enter`](Self::enter), and leaves in the queue what is queued.
    pub(super) fn wait(&mut self, timeout_ns: u64) -> Result<usize, Errno> {
        self.enter_with(0, Some(timeout_ns))
    }

    fn enter_with(&mut self, queued: usize, timeout_ns: Option<u64>) -> Result<usize, Errno> {
        let timeout = timeout_ns.map(|ns| Timespec::new().sec(ns / 1_000_000_000).nsec((ns % 1_000_000_000) as u32));
        let wanted = u32::from(timeout_ns != Some(0));
        // `GETEVENTS` even when nothing is wanted: without it the kernel makes no completion.
        let mut flags = EnterFlags::GETEVENTS;
        let mut arguments = None;
        if let Some(timeout) = timeout.as_ref().filter(|_| wanted > 0) {
            flags |= EnterFlags::EXT_ARG;
            arguments = Some(SubmitArgs::new().timespec(timeout));
        }
        // SAFETY:
        // 1. `EXT_ARG` says that the argument is an `io_uring_getevents_arg`, and `SubmitArgs` is one, transparently;
        //    without it there is no argument.
        // 2. The timespec to which it points is on this frame, and the kernel reads it during the call only.
        // 3. `queued` entries or none lie in the submission ring, put there by `queue`.
        let answer = unsafe { self.rings.submitter().enter(queued as u32, wanted, flags.bits(), arguments.as_ref()) };
        answer.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }

    /// Whether there is a completion to take.
    pub(super) fn has_completed(&mut self) -> bool {
        !self.rings.completion().is_empty()
    }

    /// How the rings were made.
    pub(super) fn setup(&self) -> Setup {
        self.setup
    }

    /// The rings' own descriptor, readable while there is a completion to take.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the rings have it open for as long as they live, and the answer borrows them.
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
