//! Which futures wait for which descriptor, and how they are woken.

use crate::core::Core;
use crate::{Error, Interest, Mode};
use cogloop_io::Token;
use std::cell::RefCell;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Who waits for which direction of a descriptor, by the index of its token.
#[derive(Default)]
pub(crate) struct Watched(RefCell<Vec<Option<Watchers>>>);

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
    wakers: Vec<Waker>,
}

/// Who waited for a descriptor that is observed no longer is woken, and finds out.
impl Drop for Watchers {
    fn drop(&mut self) {
        self.read.wakers.drain(..).chain(self.write.wakers.drain(..)).for_each(Waker::wake);
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

    pub(crate) fn take_all(&self) -> Vec<Option<Watchers>> {
        self.0.take()
    }

    pub(crate) fn put(&self, token: Token) {
        let watchers = Watchers { token, read: Direction::default(), write: Direction::default() };
        // What had the index before is dropped after the borrow.
        let _replaced = {
            let mut watched = self.0.borrow_mut();
            let index = token.index() as usize;
            if watched.len() <= index {
                watched.resize_with(index + 1, || None);
            }
            watched[index].replace(watchers)
        };
    }

    /// After another source has taken a descriptor over.
    pub(crate) fn evict(&self, token: Token) {
        // Dropped after the borrow.
        let _watchers = self.0.borrow_mut().get_mut(token.index() as usize).and_then(Option::take);
    }

    pub(crate) fn take(&self, token: Token) -> Option<Watchers> {
        let mut watched = self.0.borrow_mut();
        watched.get_mut(token.index() as usize)?.take_if(|watchers| watchers.token == token)
    }

    fn with<T>(&self, token: Token, direction: Interest, use_it: impl FnOnce(&mut Direction) -> T) -> Option<T> {
        let mut watched = self.0.borrow_mut();
        let watchers = watched.get_mut(token.index() as usize)?.as_mut().filter(|watchers| watchers.token == token)?;
        Some(use_it(watchers.of(direction)))
    }
}

impl Core {
    /// Begins to observe a file, and holds it while it is observed.
    pub(crate) fn observe(&self, file: Rc<dyn AsFd>, interest: Interest, mode: Mode) -> Result<Token, Error> {
        self.check_open()?;
        let added = self.events.borrow_mut().add_shared(file, interest, mode);
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
            let waiting = self.watched.with(token, direction, |place| {
                place.reports += u64::from(is_ready);
                place.wakers.len()
            });
            is_watched |= waiting.is_some();
            // One by one, so that none is called within the borrow.
            for _ in 0..waiting.filter(|_| is_ready).unwrap_or(0) {
                if let Some(waker) = self.watched.with(token, direction, |place| place.wakers.pop()).flatten() {
                    waker.wake();
                }
            }
        }
        is_watched
    }

    /// Waits for the first report of the direction after the one that `seen` says. Whether it was used up, so that only
    /// news matter, is for the caller to know: then a wait most often costs no system call.
    pub(crate) fn poll_direction(
        &self,
        token: Token,
        direction: Interest,
        is_used_up: bool,
        seen: &mut Option<u64>,
        cx: &Context<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(reports) = self.watched.with(token, direction, |place| place.reports) else {
            return Poll::Ready(Err(Error::Removed.into()));
        };
        match *seen {
            Some(before) if before != reports => return Poll::Ready(Ok(())),
            Some(_) => {}
            None => {
                if let Err(error) = self.report_again(token, direction, is_used_up) {
                    return Poll::Ready(Err(error));
                }
                *seen = Some(reports);
            }
        }
        let is_known =
            self.watched.with(token, direction, |place| place.wakers.iter().any(|known| known.will_wake(cx.waker())));
        if is_known == Some(false) {
            let waker = cx.waker().clone();
            self.watched.with(token, direction, |place| place.wakers.push(waker));
        }
        Poll::Pending
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
