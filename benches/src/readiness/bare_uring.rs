//! The smallest loop over io_uring: the system call that waits also arms the polls again. `Kind` has options that use
//! the rings in other ways, to show what each way gains.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use io_uring::squeue::Entry;
use io_uring::types::{Fd, Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};

use super::bare_epoll::wakes;
use super::poller::Poller;

const WAKER: u64 = u64::MAX;
const REMOVAL: u64 = u64::MAX - 1;

/// A timeout that never passes.
static TIMEOUT: Timespec = Timespec::new().sec(3600);

/// The setup and the use of the rings.
#[derive(Copy, Clone)]
pub(crate) struct Kind {
    /// The kernel makes completions only in the wait, and only for one thread. Older kernels refuse this setup.
    pub(crate) is_deferred: bool,
    /// There is an array of indices between the submission ring and its entries.
    pub(crate) has_index: bool,
    /// The size of the completion ring.
    pub(crate) completions: u32,
    /// Each wait has a timeout.
    pub(crate) is_timed: bool,
    /// The greatest number of descriptors that are registered with the rings; 0 for none.
    pub(crate) files: u32,
    /// Polls stay armed and report only new readiness.
    pub(crate) lasts: bool,
    /// Before each wait, the loop calls `poll` to find out which descriptors are still ready.
    pub(crate) asks: bool,
}

/// The simplest level-triggered loop.
pub(crate) const ONE_SHOT: Kind = Kind {
    is_deferred: true,
    has_index: true,
    completions: 1024,
    is_timed: false,
    files: 0,
    lasts: false,
    asks: false,
};

pub(crate) struct BareUring {
    ring: IoUring,
    kind: Kind,
    // Indexed by the index that `add` got.
    fds: Vec<BorrowedFd<'static>>,
    // Indices of descriptors that have reported readiness. Their polls must be armed again.
    spent: Vec<u64>,
    // Indices of descriptors that the last turn served, and that may still be ready.
    served: Vec<usize>,
    waker: Option<Arc<OwnedFd>>,
}

impl BareUring {
    pub(crate) fn new(kind: Kind) -> io::Result<Self> {
        let mut builder = IoUring::builder();
        builder.setup_cqsize(kind.completions);
        if kind.is_deferred {
            builder.setup_single_issuer().setup_defer_taskrun().setup_submit_all();
        }
        if !kind.has_index {
            builder.setup_no_sqarray();
        }
        let ring = builder.build(256)?;
        if kind.files > 0 {
            ring.submitter().register_files_sparse(kind.files)?;
        }
        Ok(Self { ring, kind, fds: Vec::new(), spent: Vec::new(), served: Vec::new(), waker: None })
    }

    fn queue(&mut self, entry: &Entry) -> io::Result<()> {
        // SAFETY: the only entries are polls and their removals, and neither contains a pointer.
        while unsafe { self.ring.submission().push(entry) }.is_err() {
            self.ring.submit()?;
        }
        Ok(())
    }

    fn arm(&mut self, name: u64) -> io::Result<()> {
        let events = PollFlags::IN.bits() as u32;
        let poll = match (name, &self.waker) {
            (WAKER, Some(waker)) => opcode::PollAdd::new(Fd(waker.as_raw_fd()), events),
            _ if self.kind.files > 0 => opcode::PollAdd::new(Fixed(name as u32), events),
            _ => opcode::PollAdd::new(Fd(self.fds[name as usize].as_raw_fd()), events),
        };
        self.queue(&poll.multi(self.kind.lasts && name != WAKER).build().user_data(name))
    }

    /// Finds out which descriptors of the last turn are still ready, by a system call of its own.
    fn ask(&mut self) -> io::Result<()> {
        let mut asked: Vec<_> =
            self.served.iter().map(|&index| PollFd::from_borrowed_fd(self.fds[index], PollFlags::IN)).collect();
        if !asked.is_empty() {
            poll(&mut asked, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 }))?;
        }
        let mut answers = asked.iter().map(|asked| !asked.revents().is_empty());
        self.served.retain(|_| answers.next().unwrap_or(false));
        Ok(())
    }

    fn wait(&mut self, may_wait: bool) -> io::Result<usize> {
        let wanted = usize::from(may_wait);
        if self.kind.is_timed {
            self.ring.submitter().submit_with_args(wanted, &SubmitArgs::new().timespec(&TIMEOUT))
        } else {
            self.ring.submit_and_wait(wanted)
        }
    }
}

impl Poller for BareUring {
    fn add(&mut self, fd: BorrowedFd<'static>, index: usize) -> io::Result<()> {
        self.fds.truncate(index);
        self.fds.push(fd);
        if self.kind.files > 0 {
            self.ring.submitter().register_files_update(index as u32, &[fd.as_raw_fd()])?;
        }
        self.arm(index as u64)
    }

    fn remove(&mut self, _fd: BorrowedFd<'static>, index: usize) -> io::Result<()> {
        self.served.retain(|&served| served != index);
        self.queue(&opcode::PollRemove::new(index as u64).build().user_data(REMOVAL))
    }

    fn turn(&mut self, may_wait: bool, serve: &mut dyn FnMut(usize)) -> io::Result<()> {
        let mut spent = std::mem::take(&mut self.spent);
        for name in spent.drain(..) {
            self.arm(name)?;
        }
        self.spent = spent;
        if self.kind.asks {
            self.ask()?;
        }
        self.wait(may_wait && self.served.is_empty())?;
        for index in std::mem::take(&mut self.served) {
            serve(index);
        }
        for entry in self.ring.completion() {
            match (entry.user_data(), entry.result()) {
                (REMOVAL, _) | (_, ..0) => {}
                (WAKER, _) => {
                    let waker = self.waker.as_ref().ok_or(io::ErrorKind::NotFound)?;
                    rustix::io::read(waker, &mut [0; 8])?;
                    self.spent.push(WAKER);
                }
                (index, _) => {
                    if !cqueue::more(entry.flags()) {
                        self.spent.push(index);
                    }
                    if self.kind.asks {
                        self.served.push(index as usize);
                    }
                    serve(index as usize);
                }
            }
        }
        Ok(())
    }

    fn waker(&mut self) -> io::Result<Box<dyn Fn() + Send>> {
        let waker = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        self.waker = Some(Arc::clone(&waker));
        self.arm(WAKER)?;
        Ok(wakes(waker))
    }
}
