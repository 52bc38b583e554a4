//! For debugging and for tests: a listing of the loop, and a check of its invariants.

use crate::core::Kind;
use crate::handle::Handle;
use std::fmt;

impl<S> Handle<S> {
    /// Checks the invariants of the loop, of its wheel and of its descriptors, for tests. Also checks that timers and
    /// sources match their callbacks one to one. The time of a check grows with the number of callbacks.
    ///
    /// # Panics
    /// If an invariant does not hold. The message names it.
    ///
    /// ```
    /// let events = cogloop::Loop::<()>::simulated()?;
    /// events.after(std::time::Duration::from_secs(1), |_, _| ())?;
    /// events.audit();
    /// println!("{}", events.dump());
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn audit(&self) {
        let core = self.core();
        let events = core.events.borrow();
        events.audit();
        let timers = self.timers().borrow();
        let mut callbacks = 0;
        for (key, _, &kind) in events.iter_timers() {
            let has_slot = timers.get(key.index()).is_some_and(Option::is_some);
            assert_eq!(has_slot, kind != Kind::Sleep, "{key:?}: only a sleeping task's timer has no callback");
            callbacks += usize::from(has_slot);
        }
        let filled = timers.iter().flatten().count();
        assert_eq!(filled, callbacks, "the number of callbacks, and of timers with a callback");
        let sleeping = events.iter_timers().filter(|(.., kind)| **kind == Kind::Sleep).count();
        self.idles().borrow().audit();
        self.channels().borrow().audit();
        core.tasks.audit();
        core.notifier.audit();
        let (visits, gone) = (self.visits().borrow().len(), core.visits_gone.get());
        assert!(gone <= visits, "{gone} of {visits} visits are gone");
        assert!(core.sleepers.len() <= sleeping, "{} wakers of {sleeping} sleepers", core.sleepers.len());
        {
            core.watched.audit();
            let sources = self.sources().borrow();
            for token in sources.iter().flatten().map(|slot| slot.token).chain(core.watched.tokens()) {
                assert!(events.interest(token).is_some(), "{token:?} has a callback or wakers, and is not observed");
            }
            let known = sources.iter().flatten().count() + core.watched.tokens().len();
            assert_eq!(known, events.descriptors(), "the number of callbacks and watched entries, and of descriptors");
        }
    }

    /// Returns the loop as text: its time and backend, the descriptors, the wheel.
    #[must_use]
    pub fn dump(&self) -> impl fmt::Display + use<S> {
        self.core().events.borrow().dump().to_string()
    }
}
