//! The least that a level-triggered loop over io_uring can be: one-shot polls, armed again by the system call that waits.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

use io_uring::squeue::Entry;
use io_uring::types::Fd;
use io_uring::{IoUring, opcode};
use rustix::event::{EventfdFlags, PollFlags, eventfd};

use super::bare_epoll::wakes;
use super::poller::Poller;

const WAKER: u64 = u64::MAX;
const REMOVAL: u64 = u64::MAX - 1;

pub(crate) struct BareUring {
    ring: IoUring,
    // By index.
    numbers: Vec<RawFd>,
    // What has reported since it was armed.
    spent: Vec<u64>,
    waker: Option<Arc<OwnedFd>>,
}

impl BareUring {
    pub(crate) fn new() -> io::Result<Self> {
        let mut builder = IoUring::builder();
        builder.setup_cqsize(1024).setup_single_issuer().setup_defer_taskrun().setup_submit_all();
        Ok(Self { ring: builder.build(256)?, numbers: Vec::new(), spent: Vec::new(), waker: None })
    }

    fn queue(&mut self, entry: &Entry) -> io::Result<()> {
        // SAFETY: only polls and their removal come here, and neither has a pointer.
        while unsafe { self.ring.submission().push(entry) }.is_err() {
            self.ring.submit()?;
        }
        Ok(())
    }

    fn arm(&mut self, name: u64) -> io::Result<()> {
        let number = match (name, &self.waker) {
            (WAKER, Some(waker)) => waker.as_raw_fd(),
            _ => self.numbers[name as usize],
        };
        let events = u32::from(PollFlags::IN.bits());
        self.queue(&opcode::PollAdd::new(Fd(number), events).build().user_data(name))
    }
}

impl Poller for BareUring {
    fn add(&mut self, fd: BorrowedFd<'static>, index: usize) -> io::Result<()> {
        self.numbers.truncate(index);
        self.numbers.push(fd.as_raw_fd());
        self.arm(index as u64)
    }

    fn remove(&mut self, _fd: BorrowedFd<'static>, index: usize) -> io::Result<()> {
        self.queue(&opcode::PollRemove::new(index as u64).build().user_data(REMOVAL))
    }

    fn turn(&mut self, may_wait: bool, serve: &mut dyn FnMut(usize)) -> io::Result<()> {
        let mut spent = std::mem::take(&mut self.spent);
        for name in spent.drain(..) {
            self.arm(name)?;
        }
        self.spent = spent;
        self.ring.submit_and_wait(usize::from(may_wait))?;
        for entry in self.ring.completion() {
            match (entry.user_data(), entry.result()) {
                (REMOVAL, _) | (_, ..0) => {}
                (WAKER, _) => {
                    let waker = self.waker.as_ref().ok_or(io::ErrorKind::NotFound)?;
                    rustix::io::read(waker, &mut [0; 8])?;
                    self.spent.push(WAKER);
                }
                (index, _) => {
                    self.spent.push(index);
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
