//! The observation of a descriptor for futures.

use crate::Interest;
use crate::core::Core;
use crate::readiness::{Awaited, Wait};
use cogloop_io::Token;
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

pub(crate) struct Registration {
    core: Rc<Core>,
    token: Token,
    /// The waits of the `poll_…` calls, one for each direction.
    waits: [Cell<Wait>; 2],
}

impl Registration {
    pub(crate) fn new(core: &Rc<Core>, token: Token) -> Self {
        Self { core: Rc::clone(core), token, waits: Default::default() }
    }

    pub(crate) fn core(&self) -> &Rc<Core> {
        &self.core
    }

    pub(crate) fn token(&self) -> Token {
        self.token
    }

    pub(crate) fn awaited(&self, direction: Interest, is_used_up: bool) -> Awaited {
        Awaited { token: self.token, direction, is_used_up }
    }

    fn wait(&self, direction: Interest) -> &Cell<Wait> {
        &self.waits[usize::from(direction == Interest::WRITE)]
    }

    pub(crate) fn poll_ready(&self, direction: Interest, is_used_up: bool, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let mut wait = self.wait(direction).take();
        let polled = self.core.poll_direction(self.awaited(direction, is_used_up), &mut wait, cx);
        self.wait(direction).set(wait);
        if polled.is_ready() {
            self.end_wait(direction);
        }
        polled
    }

    /// Ends a wait when its call has completed, so that the waker is not kept.
    pub(crate) fn end_wait(&self, direction: Interest) {
        self.core.end_wait(self.awaited(direction, false), self.wait(direction).take());
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // The kernel's error is ignored, because the loop has removed the descriptor even then.
        let _ = self.core.events.borrow_mut().remove_descriptor(self.token);
        let _watchers = self.core.watched.take(self.token);
    }
}
