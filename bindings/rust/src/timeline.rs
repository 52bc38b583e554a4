//! The state of a loop's trace: the trace, and the names of the callbacks. A name is the line where the callback was
//! given to the loop while the loop was traced. `spans` writes the events.

use cogloop_io::memory::ByIndex;
use cogloop_io::trace::Trace;
use std::cell::{Cell, RefCell};
use std::panic::Location;

/// A line of the user's code.
pub(crate) type Place = &'static Location<'static>;

/// What a callback belongs to. Each kind has a table of lines, by the index of the timer, source or task.
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
    /// When the last callback of this turn ended. The time of the next callback counts from then, which saves a reading
    /// of the clock.
    pub(crate) ended_ns: Cell<Option<u64>>,
    places: [RefCell<ByIndex<Option<Place>>>; 3],
}

/// A callback that has begun in a loop that is traced.
pub(crate) struct Begun {
    pub(crate) start_ns: u64,
    pub(crate) place: Option<Place>,
}

impl Timeline {
    /// If the loop is traced, notes the line where a callback was given to the loop. If there is no memory for the
    /// note, the callback has no line.
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
        self.ended_ns.set(None);
        self.places.iter().for_each(|places| places.borrow_mut().clear());
        let trace = self.trace.borrow_mut().take();
        trace.map_or(Ok(()), Trace::finish)
    }
}
