//! Which futures wait for which descriptor, and how they are woken.

use crate::core::Core;
use crate::waiters::{WaiterKey, Waiters};
use crate::{Error, Interest, Mode};
use cogloop_io::Token;
use cogloop_io::memory::ByIndex;
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Who waits for which direction of a descriptor, by the index of its token.
#[derive(Default)]
pub(crate) struct Watched(RefCell<ByIndex<Option<Watchers>>>);

#[derive(Debug)]
pub(crate) struct Watchers {
    token: Token,
    read: Direction,
    write: Direction,
}

#[derive(Default, Debug)]
struct Direction {
    /// How often it was reported: a future that has seen another number has been answered.
    reports: u64,
    /// The kernel was asked, and has not answered yet: who comes now need not ask again.
    is_asked: bool,
    waiters: Waiters,
}

/// Who waited for a descriptor that is observed no longer is woken, and finds out.
impl Drop for Watchers {
    fn drop(&mut self) {
        for direction in [&mut self.read, &mut self.write] {
            std::iter::from_fn(|| direction.waiters.next()).for_each(Waker::wake);
        }
    }
}

impl Watchers {
    fn of(&mut self, direction: Interest) -> &mut Direction {
        if direction == Interest::READ { &mut self.read } else { &mut self.write }
    }
}

impl Watched {
    pub(crate) fn tokens(&self) -> Vec<Token> {
        self.0.borrow().iter().flatten().map(|watchers| watchers.token).collect()
    }

    pub(crate) fn take_all(&self) -> ByIndex<Option<Watchers>> {
        self.0.take()
    }

    /// Makes room for the watchers of the descriptors up to this index.
    pub(crate) fn try_grow(&self, index: u32) -> Result<(), Error> {
        Ok(self.0.borrow_mut().try_grow(index)?)
    }

    /// Puts in what there is room for.
    pub(crate) fn put(&self, token: Token) {
        let watchers = Watchers { token, read: Direction::default(), write: Direction::default() };
        // What had the index before is dropped after the borrow.
        let _replaced = self.0.borrow_mut().replace(token.index(), Some(watchers));
    }

    /// After another source has taken a descriptor over.
    pub(crate) fn evict(&self, token: Token) {
        // Dropped after the borrow.
        let _watchers = self.0.borrow_mut().take(token.index());
    }

    pub(crate) fn take(&self, token: Token) -> Option<Watchers> {
        let mut watched = self.0.borrow_mut();
        watched.get_mut(token.index())?.take_if(|watchers| watchers.token == token)
    }

    pub(crate) fn audit(&self) {
        for watchers in self.0.borrow().iter().flatten() {
            watchers.read.waiters.audit();
            watchers.write.waiters.audit();
        }
    }

    fn with<T>(&self, token: Token, direction: Interest, use_it: impl FnOnce(&mut Direction) -> T) -> Option<T> {
        let mut watched = self.0.borrow_mut();
        let watchers = watched.get_mut(token.index())?.as_mut().filter(|watchers| watchers.token == token)?;
        Some(use_it(watchers.of(direction)))
    }
}

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

    /// A direction is silent after each report, and not observed before the first time somebody waits for it.
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

/// Waits for the first report of a direction after the one that it has seen. Dropped, it is out of the list of waiters.
pub(crate) struct Readiness<'a> {
    core: &'a Core,
    token: Token,
    direction: Interest,
    is_used_up: bool,
    seen: Option<u64>,
    waiter: Option<WaiterKey>,
}

impl<'a> Readiness<'a> {
    /// Whether the direction was used up, so that only news matter, is for the caller to know: then a wait most often costs
    /// no system call.
    pub(crate) fn new(core: &'a Core, token: Token, direction: Interest, is_used_up: bool) -> Self {
        Self { core, token, direction, is_used_up, seen: None, waiter: None }
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut Direction) -> T) -> io::Result<T> {
        self.core.watched.with(self.token, self.direction, use_it).ok_or_else(|| Error::Removed.into())
    }

    fn poll_it(&mut self, cx: &Context<'_>) -> io::Result<Poll<()>> {
        let (reports, is_asked) = self.with(|place| (place.reports, place.is_asked))?;
        let seen = match self.seen {
            Some(before) if before != reports => return Ok(Poll::Ready(())),
            Some(before) => before,
            None => {
                if !is_asked {
                    self.core.report_again(self.token, self.direction, self.is_used_up)?;
                    self.with(|place| place.is_asked = true)?;
                }
                *self.seen.insert(reports)
            }
        };
        self.wait(seen, cx.waker())?;
        Ok(Poll::Pending)
    }

    /// Puts the waker into the list, or into the place of the one that it has there.
    fn wait(&mut self, seen: u64, waker: &Waker) -> io::Result<()> {
        let waiter = self.waiter;
        let is_known = self.with(|place| {
            waiter.and_then(|key| place.waiters.waker_mut(key)).is_some_and(|known| known.will_wake(waker))
        })?;
        if is_known {
            return Ok(());
        }
        // Cloned before and dropped after the borrow: either may be the user's code.
        let mut new = Some(waker.clone());
        let added = self.with(|place| {
            if let Some(known) = waiter.and_then(|key| place.waiters.waker_mut(key)) {
                std::mem::swap(known, new.as_mut()?);
                return None;
            }
            new.take().map(|waker| place.waiters.try_add(waker, seen))
        })?;
        if let Some(added) = added {
            self.waiter = Some(added.map_err(|_| io::ErrorKind::OutOfMemory)?);
        }
        Ok(())
    }
}

impl Future for Readiness<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.poll_it(cx) {
            Ok(polled) => polled.map(Ok),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl Drop for Readiness<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.waiter {
            // Dropped after the borrow.
            let _waker = self.core.watched.with(self.token, self.direction, |place| place.waiters.remove(key));
        }
    }
}
