//! Waiting for a direction of a descriptor: how the kernel is asked, and how those that wait are woken.

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
    /// Begins to observe a file, and holds it while it is observed.
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

    /// Wakes those that wait for the descriptor; `false` if it is not one for futures.
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
            // One by one, so that none is called within the borrow.
            while let Some(waker) =
                self.watched.with(token, direction, |place| place.waiters.next_before(reports)).flatten()
            {
                waker.wake();
            }
        }
        is_watched
    }

    /// A direction is silent after each report, and not observed before the first wait for it.
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

/// How far a wait for a direction is.
#[derive(Copy, Clone, Default)]
pub(crate) struct Wait {
    /// How many reports there were when it began.
    seen: Option<u64>,
    waiter: Option<WaiterKey>,
}

/// A direction of a descriptor, and whether it was used up: the caller has seen `WouldBlock`, so that only new readiness
/// counts. Then a wait mostly needs no system call.
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

    /// Puts the waker into the list, or into the place of the one that it has there.
    fn add_waiter(&self, awaited: Awaited, wait: &mut Wait, seen: u64, waker: &Waker) -> io::Result<()> {
        let waiter = wait.waiter;
        let is_known = self.with_direction(awaited, |place| {
            waiter.and_then(|key| place.waiters.waker_mut(key)).is_some_and(|known| known.will_wake(waker))
        })?;
        if is_known {
            return Ok(());
        }
        // Cloned before and dropped after the borrow: either may be the user's code.
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

    /// Ends a wait; it leaves the list of waiters.
    pub(crate) fn end_wait(&self, awaited: Awaited, wait: Wait) {
        if let Some(key) = wait.waiter {
            // Dropped after the borrow.
            let _waker = self.watched.with(awaited.token, awaited.direction, |place| place.waiters.remove(key));
        }
    }
}

/// A future that waits for the next report of a direction. When it is dropped, it leaves the list of waiters.
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
