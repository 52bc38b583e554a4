//! The loop's promises about descriptors. Each promise has its own check.

use std::collections::{BTreeMap, BTreeSet};

use cogloop_io::{Event, Interest, Mode, Ready, Token};

use super::kernel::{File, Registration};
use super::trace::Name;

/// An observed descriptor.
#[derive(Copy, Clone, Debug)]
pub(super) struct Watch {
    pub(super) number: usize,
    pub(super) interest: Interest,
    pub(super) mode: Mode,
    /// Directions that were reported and are silent until the user asks for them again.
    pub(super) silent: Interest,
    pub(super) is_referenced: bool,
    /// Whether the descriptor was closed without being removed.
    pub(super) is_closed: bool,
    /// Whether the kernel has refused to drop a direction. Then the kernel may still have that direction registered.
    pub(super) is_refused: bool,
    /// The directions that the user has marked as ready since the last turn.
    mark: Interest,
    /// The marks that this turn must report and has not reported yet.
    mark_in_turn: Interest,
    /// Whether the user has changed the descriptor in this turn.
    is_touched: bool,
}

impl Watch {
    /// The directions that the backend should observe.
    fn wanted(&self) -> Interest {
        self.interest.without(self.silent)
    }

    /// The marks that were not reported yet. They stay for the next turn.
    fn left_of_mark(&self) -> Interest {
        self.mark | self.mark_in_turn & self.wanted()
    }
}

#[derive(Debug, Default)]
pub(super) struct Watched {
    live: BTreeMap<Token, Watch>,
    /// All tokens ever given out.
    pub(super) ever: Vec<Token>,
    /// The directions in which this turn found each descriptor ready. `served` has the descriptors that the turn
    /// reported.
    found: BTreeMap<Token, Interest>,
    served: BTreeSet<Token>,
}

impl Watched {
    pub(super) fn get(&self, token: Token) -> Option<&Watch> {
        self.live.get(&token)
    }

    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    pub(super) fn referenced(&self) -> usize {
        self.live.values().filter(|watch| watch.is_referenced).count()
    }

    pub(super) fn tokens(&self) -> Vec<Token> {
        self.live.keys().copied().collect()
    }

    pub(super) fn token_of(&self, number: usize) -> Option<Token> {
        self.live.iter().find(|(_, watch)| watch.number == number).map(|(&token, _)| token)
    }

    /// C38, C45: a number is observed again, under a new token.
    pub(super) fn added(&mut self, number: usize, token: Token, interest: Interest, mode: Mode) {
        assert!(!self.ever.contains(&token), "{} was given out before", Name(token));
        if let Some(old) = self.token_of(number) {
            self.live.remove(&old);
        }
        self.ever.push(token);
        let [silent, mark, mark_in_turn] = [Interest::NONE; 3];
        let (is_referenced, is_closed, is_refused, is_touched) = (true, false, false, true);
        let watch = Watch {
            number,
            interest,
            mode,
            silent,
            is_referenced,
            is_closed,
            is_refused,
            mark,
            mark_in_turn,
            is_touched,
        };
        self.live.insert(token, watch);
    }

    /// Records a removal. Returns whether the descriptor was observed.
    pub(super) fn removed(&mut self, token: Token) -> bool {
        self.live.remove(&token).is_some()
    }

    pub(super) fn cleared(&mut self) {
        self.live.clear();
        self.found.clear();
    }

    /// The directions that are observed and not silent; none for a stale token.
    pub(super) fn wanted(&self, token: Token) -> Interest {
        self.live.get(&token).map_or(Interest::NONE, Watch::wanted)
    }

    /// Changes a descriptor. Returns whether it is observed.
    pub(super) fn change(&mut self, token: Token, change: impl FnOnce(&mut Watch)) -> bool {
        let watch = self.live.get_mut(&token);
        watch
            .map(|watch| {
                watch.is_touched = true;
                change(watch);
            })
            .is_some()
    }

    pub(super) fn set_referenced(&mut self, token: Token, is_referenced: bool) {
        if let Some(watch) = self.live.get_mut(&token) {
            watch.is_referenced = is_referenced;
        }
    }

    pub(super) fn mark(&mut self, token: Token, ready: Interest) {
        if let Some(watch) = self.live.get_mut(&token) {
            watch.mark.insert(ready);
        }
    }

    /// Whether a turn would have a mark to report.
    pub(super) fn has_marks(&self) -> bool {
        self.live.values().any(|watch| !watch.left_of_mark().is_empty())
    }

    /// Checks that the loop and the kernel agree. Each open descriptor is registered with its wanted directions, and
    /// nothing else is registered. More directions may be registered only if a change was `refused`.
    pub(super) fn check_registered(&self, registered: &BTreeMap<Token, Registration>, refused: bool) {
        for (token, watch) in self.live.iter().filter(|(_, watch)| !watch.is_closed) {
            let Some(registration) = registered.get(token) else {
                panic!("the kernel does not know {}, descriptor {}", Name(*token), watch.number)
            };
            assert_eq!(registration.number, watch.number, "the number of {}", Name(*token));
            let (registered, wanted) = (registration.interest, watch.wanted());
            let agree = registered == wanted || (refused || watch.is_refused) && registered.contains(wanted);
            assert!(agree, "the kernel observes {registered:?} of {}, not {wanted:?}", Name(*token));
        }
        let forgotten = registered.keys().find(|token| !self.live.contains_key(token));
        if let Some(&token) = forgotten {
            panic!("the kernel still observes {}, which is removed", Name(token));
        }
    }

    /// Records the reports of a turn's wait.
    pub(super) fn turned(&mut self, events: &[Event]) {
        self.found = events.iter().map(|event| (event.token, event.ready)).collect();
        self.served.clear();
        for (&token, watch) in &mut self.live {
            watch.is_touched = false;
            (watch.mark_in_turn, watch.mark) = (watch.left_of_mark(), Interest::NONE);
            if !watch.mark_in_turn.is_empty() {
                self.found.entry(token).or_default().insert(watch.mark_in_turn);
            }
        }
    }

    /// Records that the loop has asked, after a callback, which directions of a ready descriptor are still ready.
    pub(super) fn looked_at(&mut self, token: Token, now: Interest) {
        let mark = self.live.get(&token).map_or(Interest::NONE, |watch| watch.mark_in_turn);
        if let Some(found) = self.found.get_mut(&token) {
            *found = *found & (now | mark);
        }
    }

    /// Checks that a report is true: the descriptor is ready now, or the user has marked it. A callback may have
    /// drained it since the wait. The descriptors of the simulation are blocking, so a false report would block a
    /// reader.
    pub(super) fn check_true(&self, ready: Ready, files: &[File]) {
        let Some(watch) = self.live.get(&ready.token) else { return };
        let now = files[watch.number].ready | watch.mark_in_turn;
        let name = Name(ready.token);
        assert!(now.contains(ready.ready), "{name}: {:?} was reported, but {now:?} is ready", ready.ready);
    }

    /// C37, C38, C42, C44, C52: checks that the descriptor is observed, and that it is reported for the first time in
    /// this turn. The reported directions must be exactly the wanted ones that were found ready.
    pub(super) fn served(&mut self, ready: Ready) {
        let Ready { token, ready } = ready;
        let Some(watch) = self.live.get_mut(&token) else { panic!("{} is removed and was reported", Name(token)) };
        let found = self.found.get(&token).copied().unwrap_or(Interest::NONE);
        let expected = found & watch.wanted();
        let (name, wanted) = (Name(token), watch.wanted());
        assert!(ready == expected, "{name}: {ready:?} was reported; found {found:?}, observed {wanted:?}");
        assert!(self.served.insert(token), "{} was reported twice in a turn", Name(token));
        watch.mark_in_turn.remove(ready);
        match watch.mode {
            Mode::Level => {}
            Mode::Edge => watch.silent.insert(ready),
            Mode::OneShot => watch.silent = Interest::BOTH,
        }
    }

    /// The number of descriptors reported in this turn.
    pub(super) fn served_in_turn(&self) -> usize {
        self.served.len()
    }

    /// C49: checks that every descriptor that was found ready was served. Only a descriptor that the user has changed
    /// may be left out.
    pub(super) fn check_all_served(&self) {
        let left = self.found.iter().find(|(token, found)| {
            let is_wanted = |watch: &Watch| !watch.is_touched && !(**found & watch.wanted()).is_empty();
            !self.served.contains(token) && self.live.get(token).is_some_and(is_wanted)
        });
        if let Some((&token, found)) = left {
            panic!("{} was found ready for {found:?} and not reported", Name(token));
        }
    }
}
