//! The objects with a descriptor for which futures wait: signals, the end of a child, a pipe. After each report a
//! descriptor is silent until a future waits again.

use super::{Model, Run, Waiter};
use crate::program::{Action, Body, Event, NONE, OnSource, REFUSED, Watched};
use cogloop::Mode;
use std::collections::{BTreeSet, VecDeque};

/// The number of SIGKILL.
const KILLED: u64 = 9;

/// The progress of a wait for a report.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Wait {
    /// The number of reports when the wait began.
    seen: Option<u64>,
    ticket: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) struct Descriptor {
    kind: Watched,
    /// Whether the object is in its place. Signals or a child leave it while a future uses them. A pipe leaves it when
    /// the program drops it.
    is_in_place: bool,
    /// The number of futures that use the object.
    users: usize,
    /// Whether the object is observed. After the loop was cleared it is not.
    is_observed: bool,
    /// The signals that have come and were not taken yet.
    raised: BTreeSet<i32>,
    /// The signals that were taken and not returned yet.
    came: VecDeque<i32>,
    has_ended: bool,
    bytes: usize,
    reads: bool,
    /// Whether the object was reported and is silent for now.
    is_silent: bool,
    mode: Mode,
    /// Whether the object is marked ready for the next turn; `is_marked_in_turn` is for this turn.
    is_marked: bool,
    is_marked_in_turn: bool,
    is_referenced: bool,
    /// The callback of a source.
    body: Option<Body>,
    reports: u64,
    is_asked: bool,
    tickets: u64,
    waiters: VecDeque<(u64, Waiter)>,
    /// The wait for signals or for a child. The object keeps it, because signals and a child are polled through the
    /// object.
    wait: Wait,
}

impl Descriptor {
    fn is_readable(&self) -> bool {
        match self.kind {
            Watched::Signals => !self.raised.is_empty(),
            Watched::Child => self.has_ended,
            Watched::Pipe | Watched::Source(_) => self.bytes > 0,
        }
    }

    fn is_wanted(&self) -> bool {
        self.is_observed && self.reads && !self.is_silent
    }

    fn is_reported(&self) -> bool {
        self.is_wanted() && self.is_readable()
    }

    fn set_reads(&mut self, reads: bool) {
        (self.reads, self.is_silent) = (reads, false);
    }

    /// Returns `None` if `waiter` has to wait, `Some(true)` after a report, and `Some(false)` if the object is not
    /// observed any more.
    fn poll(&mut self, wait: &mut Wait, waiter: Waiter) -> Option<bool> {
        if !self.is_observed {
            return Some(false);
        }
        match wait.seen {
            Some(before) if before != self.reports => return Some(true),
            Some(_) => {}
            None => {
                if !self.is_asked {
                    self.set_reads(true);
                    self.is_asked = true;
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

    /// Like `poll`, with the object's own wait. Returns `None` if there is nothing yet, and `Some(None)` if the caller
    /// must look again.
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
                Watched::Source(_) => return None,
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
    pub(super) fn act_on_descriptors(&mut self, action: &Action) {
        match action {
            Action::Watch(kind) => self.watch(*kind),
            Action::Source(mode, body) => self.add_source(*mode, body),
            Action::OnSource(what) => self.on_source(*what),
            Action::MakeReady(which) => self.make_ready(*which),
            Action::DropWatched => self.drop_watched(),
            _ => unreachable!("{action:?} is not for descriptors"),
        }
    }

    pub(super) fn watch(&mut self, kind: Watched) {
        if self.watched.is_none() {
            self.put_watched(kind, false, Mode::Edge, None);
        }
    }

    pub(super) fn add_source(&mut self, mode: Mode, body: &Body) {
        if self.watched.is_none() {
            self.has_made_source = true;
            self.put_watched(Watched::Source(mode), true, mode, Some(body.clone()));
        }
    }

    fn put_watched(&mut self, kind: Watched, reads: bool, mode: Mode, body: Option<Body>) {
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
            reads,
            is_silent: false,
            mode,
            is_marked: false,
            is_marked_in_turn: false,
            is_referenced: true,
            body,
            reports: 0,
            is_asked: false,
            tickets: 0,
            waiters: VecDeque::new(),
            wait: Wait::default(),
        });
    }

    fn is_source(&self) -> bool {
        self.watched.as_ref().is_some_and(|watched| watched.body.is_some())
    }

    pub(super) fn on_source(&mut self, what: OnSource) {
        if !self.has_made_source {
            return;
        }
        let answer = match self.watched.as_mut().filter(|watched| watched.body.is_some()) {
            None => {
                if matches!(what, OnSource::Interest) {
                    NONE
                } else {
                    0
                }
            }
            Some(source) => {
                match what {
                    OnSource::SetInterest(reads) => source.set_reads(reads),
                    OnSource::Drained => source.is_silent &= source.mode != Mode::Edge,
                    OnSource::MarkReady => source.is_marked = true,
                    OnSource::SetReferenced(is_referenced) => source.is_referenced = is_referenced,
                    OnSource::Interest => {}
                }
                if matches!(what, OnSource::Interest) { source.reads.into() } else { 1 }
            }
        };
        self.note(Event::Answer(answer));
    }

    pub(super) fn has_referenced_source(&self) -> bool {
        self.is_source() && self.watched.as_ref().is_some_and(|watched| watched.is_referenced)
    }

    /// Keeps a mark that the last turn has not reported.
    pub(super) fn keep_mark(&mut self) {
        if let Some(watched) = &mut self.watched {
            watched.is_marked |= std::mem::take(&mut watched.is_marked_in_turn) && watched.is_wanted();
        }
    }

    /// Whether there is a mark, so that the next turn does not wait.
    pub(super) fn has_mark(&self) -> bool {
        let watched = self.watched.as_ref();
        watched.is_some_and(|watched| watched.is_marked || watched.is_marked_in_turn && watched.is_wanted())
    }

    pub(super) fn make_ready(&mut self, which: bool) {
        let Some(watched) = &mut self.watched else { return };
        match watched.kind {
            Watched::Signals => _ = watched.raised.insert(if which { 10 } else { 12 }),
            Watched::Child => watched.has_ended = true,
            Watched::Pipe | Watched::Source(_) => watched.bytes += 1,
        }
    }

    pub(super) fn drop_watched(&mut self) {
        let Some(watched) = self.watched.as_mut().filter(|watched| watched.is_in_place) else { return };
        watched.is_in_place = false;
        if watched.users == 0 {
            self.end_watched();
        }
    }

    /// Wakes the futures that still wait for the object. They notice its end.
    fn end_watched(&mut self) {
        let watched = self.watched.take();
        watched.into_iter().flat_map(|watched| watched.waiters).for_each(|(_, waiter)| self.wake(waiter));
    }

    pub(super) fn clear_watched(&mut self) {
        if self.is_source() {
            self.watched = None;
        }
        let Some(watched) = &mut self.watched else { return };
        watched.is_observed = false;
        std::mem::take(&mut watched.waiters).into_iter().for_each(|(_, waiter)| self.wake(waiter));
    }

    /// Lets a future use the object. Returns whether there is an object to wait for.
    pub(super) fn begin_await(&mut self) -> bool {
        let can_wait = |watched: &&mut Descriptor| watched.is_in_place && watched.body.is_none();
        let Some(watched) = self.watched.as_mut().filter(can_wait) else { return false };
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

    /// The number of the object that is ready or marked. The mark becomes a mark of this turn.
    pub(super) fn find_ready(&mut self) -> Option<u64> {
        let is_ready = self.ready().is_some();
        let watched = self.watched.as_mut()?;
        watched.is_marked_in_turn = std::mem::take(&mut watched.is_marked);
        (is_ready || watched.is_marked_in_turn).then_some(self.watches)
    }

    /// Reports the object, if it still exists. Returns the number of served objects.
    pub(super) fn serve_descriptor(&mut self, ready: Option<u64>) -> Run<usize> {
        if self.is_stopped || ready != Some(self.watches) {
            return Ok(0);
        }
        let Some(watched) = self.watched.as_mut().filter(|watched| watched.is_wanted()) else { return Ok(0) };
        (watched.is_asked, watched.is_marked_in_turn) = (false, false);
        watched.is_silent = watched.mode != Mode::Level;
        watched.reports += 1;
        if let Some(body) = watched.body.clone() {
            let has_read = watched.bytes > 0;
            watched.bytes = watched.bytes.saturating_sub(1);
            self.state += 1;
            self.note(Event::Ready { has_read });
            let ended = self.body(&body);
            if ended != Ok(true) && ready == Some(self.watches) && self.is_source() {
                self.watched = None;
            }
            return ended.map(|_| 1);
        }
        std::mem::take(&mut watched.waiters).into_iter().for_each(|(_, waiter)| self.wake(waiter));
        Ok(1)
    }
}
