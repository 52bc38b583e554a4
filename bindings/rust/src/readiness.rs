//! Waits for a direction of a descriptor: asks the kernel, and wakes the futures that wait.

use crate::core::Core;
use crate::waiters::WaiterKey;
use crate::watched::Direction;
use crate::{Error, Interest, Mode};
use cogloop_io::Token;
use rustix::fd::AsFd;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

impl Core {
    /// Starts to observe a file, and holds the file while it is observed.
    pub(crate) fn observe(&self, file: Rc<dyn AsFd>, interest: Interest, mode: Mode) -> Result<Token, Error> {
        self.check_open()?;
        let added = self.events.borrow_mut().add_shared(file, interest, mode);
        let added = added.inspect(|token| {
            self.token_index_max.set(self.token_index_max.get().max(token.index().saturating_add(1)));
        });
        added.map_err(|error| match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(&reached) => Error::limit(reached),
            None => Error::io("observing a descriptor")(error),
        })
    }

    /// Wakes the futures that wait for the descriptor. Returns `false` if the descriptor is not one for futures.
    pub(crate) fn wake_watcher(&self, token: Token, ready: Interest) -> bool {
        let mut is_watched = false;
        for direction in [Interest::READ, Interest::WRITE] {
            let is_ready = ready.contains(direction);
            let reports = self.watched.with(token, direction, |place| {
                place.reports += u64::from(is_ready);
                place.is_asked &= !is_ready;
                place.reports
            });
            is_watched |= reports.is_some();
            let Some(reports) = reports.filter(|_| is_ready) else { continue };
            // The wakers are taken out one by one, so that each is woken after the borrow.
            while let Some(waker) =
                self.watched.with(token, direction, |place| place.waiters.next_before(reports)).flatten()
            {
                waker.wake();
            }
        }
        is_watched
    }

    /// Asks the kernel to report a direction. A direction is silent before the first wait for it, and after each
    /// report.
    fn report_again(&self, token: Token, direction: Interest, is_used_up: bool) -> io::Result<()> {
        let mut events = self.events.borrow_mut();
        let interest = events.interest(token).ok_or(Error::Removed)?;
        if is_used_up && interest.contains(direction) {
            events.drained(token, direction)
        } else {
            events.set_interest(token, interest | direction)
        }
    }
}

/// The state of a wait for a direction.
#[derive(Copy, Clone, Default)]
pub(crate) struct Wait {
    /// The number of reports when the wait began.
    seen: Option<u64>,
    waiter: Option<WaiterKey>,
}

/// A direction of a descriptor, and whether it is *drained*: the caller has seen `WouldBlock`. Only new readiness ends
/// the wait for a drained direction, and beginning this wait mostly needs no system call.
#[derive(Copy, Clone)]
pub(crate) struct Awaited {
    pub(crate) token: Token,
    pub(crate) direction: Interest,
    pub(crate) is_used_up: bool,
}

impl Core {
    fn with_direction<T>(&self, awaited: Awaited, use_it: impl FnOnce(&mut Direction) -> T) -> io::Result<T> {
        self.watched.with(awaited.token, awaited.direction, use_it).ok_or_else(|| Error::Removed.into())
    }

    /// Waits for the next report.
    pub(crate) fn poll_direction(&self, awaited: Awaited, wait: &mut Wait, cx: &Context<'_>) -> Poll<io::Result<()>> {
        self.try_poll_direction(awaited, wait, cx).map_or_else(|error| Poll::Ready(Err(error)), |polled| polled.map(Ok))
    }

    fn try_poll_direction(&self, awaited: Awaited, wait: &mut Wait, cx: &Context<'_>) -> io::Result<Poll<()>> {
        let (reports, is_asked) = self.with_direction(awaited, |place| (place.reports, place.is_asked))?;
        let seen = match wait.seen {
            Some(before) if before != reports => return Ok(Poll::Ready(())),
            Some(before) => before,
            None => {
                if !is_asked {
                    self.report_again(awaited.token, awaited.direction, awaited.is_used_up)?;
                    self.with_direction(awaited, |place| place.is_asked = true)?;
                }
                *wait.seen.insert(reports)
            }
        };
        self.add_waiter(awaited, wait, seen, cx.waker())?;
        Ok(Poll::Pending)
    }

    /// Adds the waker to the list. If this wait has a waker there already, replaces it.
    fn add_waiter(&self, awaited: Awaited, wait: &mut Wait, seen: u64, waker: &Waker) -> io::Result<()> {
        let waiter = wait.waiter;
        let is_known = self.with_direction(awaited, |place| {
            waiter.and_then(|key| place.waiters.waker_mut(key)).is_some_and(|known| known.will_wake(waker))
        })?;
        if is_known {
            return Ok(());
        }
        // The new waker is cloned before the borrow and the old one dropped after it: both may run the user's code.
        let mut new = Some(waker.clone());
        let added = self.with_direction(awaited, |place| {
            if let Some(known) = waiter.and_then(|key| place.waiters.waker_mut(key)) {
                std::mem::swap(known, new.as_mut()?);
                return None;
            }
            new.take().map(|waker| place.waiters.try_add(waker, seen))
        })?;
        if let Some(added) = added {
            wait.waiter = Some(added.map_err(|_| io::ErrorKind::OutOfMemory)?);
        }
        Ok(())
    }

    /// Ends a wait: removes it from the list of waiters.
    pub(crate) fn end_wait(&self, awaited: Awaited, wait: Wait) {
        if let Some(key) = wait.waiter {
            // The waker is dropped after the borrow.
            let _waker = self.watched.with(awaited.token, awaited.direction, |place| place.waiters.remove(key));
        }
    }
}

/// A future that waits for the next report of a direction. A future that is dropped leaves the list of waiters.
pub(crate) struct Readiness<'a> {
    core: &'a Core,
    awaited: Awaited,
    wait: Wait,
}

impl<'a> Readiness<'a> {
    pub(crate) fn new(core: &'a Core, awaited: Awaited) -> Self {
        Self { core, awaited, wait: Wait::default() }
    }
}

impl Future for Readiness<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { core, awaited, wait } = &mut *self;
        core.poll_direction(*awaited, wait, cx)
    }
}

impl Drop for Readiness<'_> {
    fn drop(&mut self) {
        self.core.end_wait(self.awaited, self.wait);
    }
}
