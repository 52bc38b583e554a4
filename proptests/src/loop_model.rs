//! The reference model of the event loop: the wheel's model, with nanoseconds converted to ticks, and a map of
//! descriptors.

use std::collections::BTreeMap;

use cogloop_io::{Interest, Token};

use crate::wheel_model::{Id, WheelModel};

/// Computes the answers that an `EventLoop` must give. Descriptors are named by their numbers.
#[derive(Clone, Debug)]
pub struct LoopModel {
    resolution_ns: u64,
    /// The timers, in ticks.
    pub timers: WheelModel,
    observed: BTreeMap<i32, (Token, Interest)>,
    marks: BTreeMap<i32, Interest>,
    /// The marks of this turn: descriptors that the user marked as ready before the turn, and that were not pulled yet.
    marks_in_turn: Vec<(Token, Interest)>,
    /// The descriptors that this turn found ready and that were not pulled yet, by token.
    ready: Vec<(Token, Interest)>,
    /// Descriptors that were in `ready`, but with no ready direction that was observed when something was pulled. The
    /// loop may have skipped these descriptors. Then it does not return to them in this turn.
    passed: Vec<(Token, Interest)>,
}

impl LoopModel {
    /// An empty loop at time 0.
    pub fn new(resolution_ns: u64) -> Self {
        let (observed, marks, marks_in_turn, ready, passed) = Default::default();
        Self { resolution_ns, timers: WheelModel::default(), observed, marks, marks_in_turn, ready, passed }
    }

    /// The tick of a deadline, rounded up.
    pub fn deadline_tick(&self, ns: u64) -> u64 {
        ns.div_ceil(self.resolution_ns)
    }

    /// The tick of a timer that is due `delay_ns` from now.
    pub fn delay_tick(&self, now_ns: u64, delay_ns: u64) -> u64 {
        if delay_ns == 0 { now_ns / self.resolution_ns } else { self.deadline_tick(now_ns + delay_ns) }
    }

    /// The start of a tick.
    pub fn start_ns(&self, tick: u64) -> u64 {
        tick * self.resolution_ns
    }

    /// The number of the descriptor that has this token, if it is observed.
    fn number(&self, token: Token) -> Option<i32> {
        self.observed.iter().find(|(_, (other, _))| *other == token).map(|(&number, _)| number)
    }

    /// Observes `number`. An earlier token of the number becomes stale.
    pub fn observe(&mut self, number: i32, token: Token, interest: Interest) {
        assert!(self.number(token).is_none(), "{token:?} is in use");
        self.observed.insert(number, (token, interest));
        self.marks.remove(&number);
    }

    /// Changes the interest. Returns whether the token is valid.
    pub fn set_interest(&mut self, token: Token, interest: Interest) -> bool {
        let observed = self.observed.values_mut().find(|(other, _)| *other == token);
        observed.map(|(_, old)| *old = interest).is_some()
    }

    /// The observed directions; `None` for a stale token.
    pub fn interest(&self, token: Token) -> Option<Interest> {
        self.observed.values().find(|(other, _)| *other == token).map(|&(_, interest)| interest)
    }

    /// Stops observing. Returns whether the token was valid.
    pub fn remove(&mut self, token: Token) -> bool {
        let number = self.number(token);
        if let Some(number) = number {
            self.observed.remove(&number);
            self.marks.remove(&number);
        }
        number.is_some()
    }

    /// Marks a descriptor as ready.
    pub fn mark(&mut self, token: Token, ready: Interest) {
        if let Some(number) = self.number(token) {
            let mark = self.marks.entry(number).or_insert(Interest::NONE);
            *mark = *mark | ready;
        }
    }

    /// The number of observed descriptors.
    pub fn descriptors(&self) -> usize {
        self.observed.len()
    }

    /// How long a turn that begins at `now_ns` waits if the caller sets no limit; `None` means for ever.
    pub fn patience_ns(&self, now_ns: u64) -> Option<u64> {
        if self.marks.values().any(|mark| !mark.is_empty()) || !self.unreported().is_empty() {
            return Some(0);
        }
        self.timers.next_deadline().map(|tick| self.start_ns(tick).saturating_sub(now_ns))
    }

    /// Takes a turn whose wait ended at `now_ns`, with these `events` from the kernel.
    pub fn turn(&mut self, now_ns: u64, events: &[(Token, Interest)]) {
        self.timers.advance(now_ns / self.resolution_ns);
        let mut ready = events.to_vec();
        for (token, unreported) in self.unreported() {
            self.mark(token, unreported);
        }
        self.marks_in_turn.clear();
        for (number, mark) in std::mem::take(&mut self.marks) {
            let token = self.observed[&number].0;
            self.marks_in_turn.push((token, mark));
            match ready.iter_mut().find(|(other, _)| *other == token) {
                Some((_, ready)) => *ready = *ready | mark,
                None => ready.push((token, mark)),
            }
        }
        (self.ready, self.passed) = (ready, Vec::new());
    }

    /// The descriptors and ready directions of this turn that must be pulled: only valid tokens, and directions that
    /// are observed now.
    pub fn must_be_ready(&self) -> Vec<(Token, Interest)> {
        self.observed_of(&self.ready)
    }

    /// The descriptors and ready directions of this turn that may be pulled.
    pub fn may_be_ready(&self) -> Vec<(Token, Interest)> {
        [self.observed_of(&self.ready), self.observed_of(&self.passed)].concat()
    }

    /// The marks of this turn that were not pulled. They stay for the next turn.
    fn unreported(&self) -> Vec<(Token, Interest)> {
        self.observed_of(&self.marks_in_turn)
    }

    fn observed_of(&self, ready: &[(Token, Interest)]) -> Vec<(Token, Interest)> {
        let look = |&(token, ready): &(Token, Interest)| {
            let (_, interest) = self.observed[&self.number(token)?];
            Some((token, ready & interest)).filter(|(_, ready)| !ready.is_empty())
        };
        ready.iter().filter_map(look).collect()
    }

    /// Records what a pull returned: a descriptor and its ready directions, or nothing.
    pub fn pulled(&mut self, pulled: Option<(Token, Interest)>) {
        let observed = self.observed_of(&self.ready);
        let is_observed = |(token, _): &(Token, Interest)| observed.iter().any(|(other, _)| other == token);
        let (ready, passed): (Vec<_>, Vec<_>) = self.ready.drain(..).partition(is_observed);
        self.ready = ready;
        self.passed.extend(passed);
        let Some((token, ready)) = pulled else { return };
        self.marks_in_turn.iter_mut().filter(|(other, _)| *other == token).for_each(|(_, mark)| mark.remove(ready));
        self.ready.retain(|(other, _)| *other != token);
        self.passed.retain(|(other, _)| *other != token);
    }

    /// The deadline of a timer, in nanoseconds.
    pub fn deadline_ns(&self, id: Id) -> Option<u64> {
        self.timers.deadline(id).map(|tick| self.start_ns(tick))
    }
}
