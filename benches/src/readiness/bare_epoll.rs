//! The smallest loop over epoll: it is level-triggered, stores the index in the event's data, and checks nothing.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};

use super::poller::Poller;

const WAKER: u64 = u64::MAX;
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

pub(crate) struct BareEpoll {
    set: OwnedFd,
    buffer: Vec<epoll::Event>,
    waker: Option<Arc<OwnedFd>>,
}

impl BareEpoll {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { set: epoll::create(CreateFlags::CLOEXEC)?, buffer: Vec::with_capacity(1024), waker: None })
    }
}

impl Poller for BareEpoll {
    fn add(&mut self, fd: BorrowedFd<'static>, index: usize) -> io::Result<()> {
        Ok(epoll::add(&self.set, fd, EventData::new_u64(index as u64), EventFlags::IN)?)
    }

    fn remove(&mut self, fd: BorrowedFd<'static>, _index: usize) -> io::Result<()> {
        Ok(epoll::delete(&self.set, fd)?)
    }

    fn turn(&mut self, may_wait: bool, serve: &mut dyn FnMut(usize)) -> io::Result<()> {
        self.buffer.clear();
        epoll::wait(&self.set, spare_capacity(&mut self.buffer), (!may_wait).then_some(&AT_ONCE))?;
        for event in &self.buffer {
            match event.data.u64() {
                WAKER => {
                    let waker = self.waker.as_ref().ok_or(io::ErrorKind::NotFound)?;
                    rustix::io::read(waker, &mut [0; 8])?;
                }
                index => serve(index as usize),
            }
        }
        Ok(())
    }

    fn waker(&mut self) -> io::Result<Box<dyn Fn() + Send>> {
        let waker = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        epoll::add(&self.set, &waker, EventData::new_u64(WAKER), EventFlags::IN)?;
        self.waker = Some(Arc::clone(&waker));
        Ok(wakes(waker))
    }
}

/// Returns a closure that wakes the loop by adding 1 to the eventfd.
pub(crate) fn wakes(waker: Arc<OwnedFd>) -> Box<dyn Fn() + Send> {
    Box::new(move || {
        // The write can fail only if the counter is full. In that case a wake is already pending.
        let _ = rustix::io::write(&waker, &1u64.to_ne_bytes());
    })
}
