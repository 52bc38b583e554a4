//! Other objects that futures wait for: signals, the end of a child, a pipe. After each report a descriptor is silent
//! until a future waits again.

use super::{Model, Waiter};
use crate::program::{REFUSED, Watched};
use std::collections::{BTreeSet, VecDeque};

/// The number of SIGKILL.
const KILLED: u64 = 9;

/// The progress of a wait for a report.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Wait {
    /// The number of reports when it began.
    seen: Option<u64>,
    ticket: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) struct Descriptor {
    kind: Watched,
    /// Not while a future uses the object. For a pipe also not after the program has dropped it.
    is_in_place: bool,
    /// The number of futures that use the pipe.
    users: usize,
    /// Whether it is observed; not after the loop was cleared.
    is_observed: bool,
    /// The signals since they were last taken.
    raised: BTreeSet<i32>,
    /// The signals that were taken and not returned yet.
    came: VecDeque<i32>,
    has_ended: bool,
    bytes: usize,
    is_armed: bool,
    reports: u64,
    is_asked: bool,
    tickets: u64,
    waiters: VecDeque<(u64, Waiter)>,
    /// The wait of signals and of a child, which are polled.
    wait: Wait,
}

impl Descriptor {
    fn is_readable(&self) -> bool {
        match self.kind {
            Watched::Signals => !self.raised.is_empty(),
            Watched::Child => self.has_ended,
            Watched::Pipe => self.bytes > 0,
        }
    }

    fn is_reported(&self) -> bool {
        self.is_observed && self.is_armed && self.is_readable()
    }

    /// `Some(false)` if it is not observed any more.
    fn poll(&mut self, wait: &mut Wait, waiter: Waiter) -> Option<bool> {
        if !self.is_observed {
            return Some(false);
        }
        match wait.seen {
            Some(before) if before != self.reports => return Some(true),
            Some(_) => {}
            None => {
                if !self.is_asked {
                    (self.is_armed, self.is_asked) = (true, true);
                }
                wait.seen = Some(self.reports);
            }
        }
        match self.waiters.iter_mut().find(|(ticket, _)| Some(*ticket) == wait.ticket) {
            Some((_, known)) => *known = waiter,
            None => {
                self.tickets += 1;
                wait.ticket = Some(self.tickets);
                self.waiters.push_back((self.tickets, waiter));
            }
        }
        None
    }

    fn end_wait(&mut self, wait: Wait) {
        self.waiters.retain(|&(ticket, _)| Some(ticket) != wait.ticket);
    }

    /// `None` if there is nothing yet; `Some(None)` if the caller must look again.
    fn poll_own(&mut self, waiter: Waiter) -> Option<Option<u64>> {
        let mut wait = std::mem::take(&mut self.wait);
        let polled = self.poll(&mut wait, waiter);
        self.wait = wait;
        if polled.is_some() {
            self.end_wait(wait);
            self.wait = Wait::default();
        }
        polled.map(|is_observed| (!is_observed).then_some(REFUSED))
    }

    fn ask(&mut self, flag: bool, wait: &mut Wait, waiter: Waiter) -> Option<u64> {
        loop {
            let again = match self.kind {
                Watched::Signals => {
                    for number in std::mem::take(&mut self.raised) {
                        if !self.came.contains(&number) {
                            self.came.push_back(number);
                        }
                    }
                    if let Some(number) = self.came.pop_front() {
                        return Some(number as u64);
                    }
                    self.poll_own(waiter)?
                }
                Watched::Child if self.has_ended => return Some(KILLED),
                Watched::Child => self.poll_own(waiter)?,
                Watched::Pipe => {
                    // A read is repeated only after a report.
                    if flag && wait.seen.is_none() && self.bytes > 0 {
                        self.bytes -= 1;
                        return Some(1);
                    }
                    let is_observed = self.poll(wait, waiter)?;
                    self.end_wait(std::mem::take(wait));
                    if is_observed { (!flag).then_some(0) } else { Some(REFUSED) }
                }
            };
            if again.is_some() {
                return again;
            }
        }
    }
}

impl Model {
    pub(super) fn watch(&mut self, kind: Watched) {
        if self.watched.is_none() {
            self.watches += 1;
            self.watched = Some(Descriptor {
                kind,
                is_in_place: true,
                users: 0,
                is_observed: true,
                raised: BTreeSet::new(),
                came: VecDeque::new(),
                has_ended: false,
                bytes: 0,
                is_armed: false,
                reports: 0,
                is_asked: false,
                tickets: 0,
                waiters: VecDeque::new(),
                wait: Wait::default(),
            });
        }
    }

    pub(super) fn make_ready(&mut self, which: bool) {
        let Some(watched) = &mut self.watched else { return };
        match watched.kind {
            Watched::Signals => _ = watched.raised.insert(if which { 10 } else { 12 }),
            Watched::Child => watched.has_ended = true,
            Watched::Pipe => watched.bytes += 1,
        }
    }

    pub(super) fn drop_watched(&mut self) {
        let Some(watched) = self.watched.as_mut().filter(|watched| watched.is_in_place) else { return };
        watched.is_in_place = false;
        if watched.users == 0 {
            self.end_watched();
        }
    }

    /// Wakes the futures that still wait for it. They notice the end.
    fn end_watched(&mut self) {
        let watched = self.watched.take();
        watched.into_iter().flat_map(|watched| watched.waiters).for_each(|(_, waiter)| self.wake(waiter));
    }

    pub(super) fn clear_watched(&mut self) {
        let Some(watched) = &mut self.watched else { return };
        watched.is_observed = false;
        std::mem::take(&mut watched.waiters).into_iter().for_each(|(_, waiter)| self.wake(waiter));
    }

    /// Whether there is an object to wait for.
    pub(super) fn begin_await(&mut self) -> bool {
        let Some(watched) = self.watched.as_mut().filter(|watched| watched.is_in_place) else { return false };
        watched.users += 1;
        watched.is_in_place = watched.kind == Watched::Pipe;
        true
    }

    pub(super) fn ask_await(&mut self, flag: bool, wait: &mut Wait, waiter: Waiter) -> Option<u64> {
        self.watched.as_mut()?.ask(flag, wait, waiter)
    }

    pub(super) fn end_await(&mut self, wait: Wait) {
        let Some(watched) = &mut self.watched else { return };
        watched.end_wait(wait);
        watched.users -= 1;
        watched.is_in_place |= watched.kind != Watched::Pipe;
        if !watched.is_in_place && watched.users == 0 {
            self.end_watched();
        }
    }

    pub(super) fn has_descriptor(&self) -> bool {
        self.watched.as_ref().is_some_and(|watched| watched.is_observed)
    }

    /// The number of the object that a wait would find ready.
    pub(super) fn ready(&self) -> Option<u64> {
        self.watched.as_ref().filter(|watched| watched.is_reported()).map(|_| self.watches)
    }

    /// Reports the object, if it still exists. Returns how many futures it has served.
    pub(super) fn serve_descriptor(&mut self, ready: Option<u64>) -> usize {
        if self.is_stopped || ready != Some(self.watches) {
            return 0;
        }
        let Some(watched) = self.watched.as_mut().filter(|watched| watched.is_observed && watched.is_armed) else {
            return 0;
        };
        watched.reports += 1;
        (watched.is_asked, watched.is_armed) = (false, false);
        std::mem::take(&mut watched.waiters).into_iter().for_each(|(_, waiter)| self.wake(waiter));
        1
    }
}
