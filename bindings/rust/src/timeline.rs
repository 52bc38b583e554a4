//! What a loop keeps for its trace: the trace, and the names of the callbacks, which are the lines where they were given to the loop while
//! it was traced. `spans` tells the trace what happens.

use cogloop_io::memory::ByIndex;
use cogloop_io::trace::Trace;
use std::cell::{Cell, RefCell};
use std::panic::Location;

/// A line of the user's.
pub(crate) type Place = &'static Location<'static>;

/// What a callback belongs to. Each has a table of lines, by the index of its name.
#[derive(Copy, Clone)]
pub(crate) enum Of {
    Timer,
    Source,
    Task,
}

#[derive(Default)]
pub(crate) struct Timeline {
    pub(crate) is_on: Cell<bool>,
    pub(crate) trace: RefCell<Option<Trace>>,
    places: [RefCell<ByIndex<Option<Place>>>; 3],
}

/// A callback that has begun in a loop that is traced.
pub(crate) struct Begun {
    pub(crate) start_ns: u64,
    pub(crate) place: Option<Place>,
}

impl Timeline {
    /// Notes where something was made, if the loop is traced. Without memory for it the callback has no line.
    #[inline]
    pub(crate) fn note(&self, of: Of, index: u32, place: Place) {
        if self.is_on.get() {
            self.put(of, index, place);
        }
    }

    #[cold]
    fn put(&self, of: Of, index: u32, place: Place) {
        let mut places = self.places[of as usize].borrow_mut();
        if places.try_grow(index).is_ok() {
            let _before = places.replace(index, Some(place));
        }
    }

    pub(crate) fn place(&self, (of, index): (Of, u32)) -> Option<Place> {
        self.places[of as usize].borrow().get(index).copied().flatten()
    }

    /// Ends the trace, if there is one.
    pub(crate) fn end(&self) -> std::io::Result<()> {
        self.is_on.set(false);
        self.places.iter().for_each(|places| places.borrow_mut().clear());
        let trace = self.trace.borrow_mut().take();
        trace.map_or(Ok(()), Trace::finish)
    }
}
