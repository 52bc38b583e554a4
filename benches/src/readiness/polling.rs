//! The crate `polling`, level-triggered.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use polling::{Event, Events, PollMode, Poller as Inner};

const BATCH: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

use super::poller::Poller;

pub(crate) struct Polling {
    poller: Arc<Inner>,
    events: Events,
}

impl Polling {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { poller: Arc::new(Inner::new()?), events: Events::with_capacity(BATCH) })
    }
}

impl Poller for Polling {
    fn add(&mut self, fd: BorrowedFd<'static>, index: usize) -> io::Result<()> {
        // SAFETY: `polling` requires that a descriptor outlives its registration. The benchmarks drop a loop before the
        // sockets that it observes.
        unsafe { self.poller.add_with_mode(&fd, Event::readable(index), PollMode::Level) }
    }

    fn remove(&mut self, fd: BorrowedFd<'static>, _index: usize) -> io::Result<()> {
        self.poller.delete(fd)
    }

    fn turn(&mut self, may_wait: bool, serve: &mut dyn FnMut(usize)) -> io::Result<()> {
        self.events.clear();
        self.poller.wait(&mut self.events, (!may_wait).then_some(Duration::ZERO))?;
        for event in self.events.iter() {
            serve(event.key);
        }
        Ok(())
    }

    fn waker(&mut self) -> io::Result<Box<dyn Fn() + Send>> {
        let poller = Arc::clone(&self.poller);
        Ok(Box::new(move || poller.notify().expect("the poller is there")))
    }
}
