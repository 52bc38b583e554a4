//! The crate `calloop`, level-triggered: a callback for each descriptor.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use calloop::generic::Generic;
use calloop::{EventLoop, Interest, Mode, PostAction, RegistrationToken};

use super::poller::Poller;

pub(crate) struct Calloop {
    // Each callback pushes its index to the loop's data: the field `ready` below.
    events: EventLoop<'static, Vec<usize>>,
    ready: Vec<usize>,
    // Indexed by the index that `add` got.
    tokens: Vec<RegistrationToken>,
}

impl Calloop {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { events: EventLoop::try_new()?, ready: Vec::new(), tokens: Vec::new() })
    }
}

impl Poller for Calloop {
    fn add(&mut self, fd: BorrowedFd<'static>, index: usize) -> io::Result<()> {
        let source = Generic::new(fd, Interest::READ, Mode::Level);
        let callback = move |_, _: &mut _, ready: &mut Vec<usize>| {
            ready.push(index);
            Ok(PostAction::Continue)
        };
        self.tokens.truncate(index);
        self.tokens.push(self.events.handle().insert_source(source, callback).map_err(|error| error.error)?);
        Ok(())
    }

    fn remove(&mut self, _fd: BorrowedFd<'static>, index: usize) -> io::Result<()> {
        self.events.handle().remove(self.tokens[index]);
        Ok(())
    }

    fn turn(&mut self, may_wait: bool, serve: &mut dyn FnMut(usize)) -> io::Result<()> {
        self.events.dispatch((!may_wait).then_some(Duration::ZERO), &mut self.ready)?;
        for index in self.ready.drain(..) {
            serve(index);
        }
        Ok(())
    }

    fn waker(&mut self) -> io::Result<Box<dyn Fn() + Send>> {
        let signal = self.events.get_signal();
        Ok(Box::new(move || signal.wakeup()))
    }
}
