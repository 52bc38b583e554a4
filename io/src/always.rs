//! Registrations that are ready at every wait, and that the kernel's interface refuses: regular files, directories, and
//! devices such as `/dev/null`.
//!
//! ```text
//!   a b c d e f g      more of them than one wait reports
//!   └─────┘            the first wait reports these
//!           └───┘      the second continues there, and then starts again at a
//! ```

use crate::backend::EVENTS_MAX;
use crate::memory::room_for;
use crate::{Event, Interest, Token};
use std::collections::TryReserveError;

/// The indices of the registrations that are always ready, and the position at which the next report continues.
#[derive(Debug, Default)]
pub(crate) struct AlwaysReady {
    indices: Vec<u32>,
    start: usize,
}

impl AlwaysReady {
    pub(crate) fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Makes room for one more registration.
    ///
    /// # Errors
    /// When there is no memory.
    pub(crate) fn try_reserve(&mut self) -> Result<(), TryReserveError> {
        self.indices.try_reserve(1)
    }

    /// Adds a registration. There must be room for it.
    pub(crate) fn add(&mut self, index: u32) {
        self.indices.push(index);
    }

    pub(crate) fn remove(&mut self, index: u32) {
        if let Some(place) = self.indices.iter().position(|&other| other == index) {
            self.indices.remove(place);
            self.start -= usize::from(place < self.start);
        }
    }

    /// Reports the next batch: as many registrations as one wait may report, or as there is memory for. `still` returns
    /// the token of a registration, or `None` if its descriptor was closed. In that case the registration is dropped.
    pub(crate) fn report(&mut self, events: &mut Vec<Event>, mut still: impl FnMut(u32) -> Option<Token>) {
        for _ in 0..room_for(events, self.indices.len().min(EVENTS_MAX)) {
            if self.start >= self.indices.len() {
                self.start = 0;
            }
            match still(self.indices[self.start]) {
                Some(token) => {
                    events.push(Event::new(token, Interest::BOTH));
                    self.start += 1;
                }
                None => drop(self.indices.remove(self.start)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    fn token(index: u32) -> Token {
        Token::new(index, NonZeroU32::MIN)
    }

    #[test]
    fn each_has_its_turn_and_the_closed_are_dropped() {
        let mut always = AlwaysReady::default();
        let count = EVENTS_MAX as u32 + 2;
        for index in 0..count {
            always.try_reserve().unwrap();
            always.add(index);
        }
        let mut reported = Vec::new();
        for _ in 0..2 {
            let mut events = Vec::new();
            always.report(&mut events, |index| (index != 1).then(|| token(index)));
            reported.extend(events.iter().map(|event| event.token.index()));
        }
        let expected = [0].into_iter().chain(2..count);
        assert!(expected.clone().all(|index| reported.contains(&index)), "{reported:?}");
        assert!(!reported.contains(&1) && always.indices.len() == expected.count());
        (0..count).for_each(|index| always.remove(index));
        always.report(&mut Vec::new(), |_| unreachable!("there is none"));
        assert!(always.is_empty());
    }
}
