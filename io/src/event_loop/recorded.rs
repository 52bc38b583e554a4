//! The additional functions of a loop that records or replays; see [`recording`](crate::recording). Without a recording
//! the functions here do nothing.

use super::EventLoop;
use crate::Token;
use std::io;

impl<T: Clone> EventLoop<T> {
    /// Whether the loop records, or plays a recording.
    #[inline]
    pub fn is_recorded(&self) -> bool {
        self.journal.is_some()
    }

    /// Passes a value through the recording. A loop that records writes the value; a replay returns the recorded one
    /// instead. Use it for values from outside that do not come from the loop, such as the number of a signal, the
    /// status of a child, or a random number.
    ///
    /// ```
    /// use cogloop_io::{EventLoop, Options, Recording};
    /// use std::hash::{BuildHasher, RandomState};
    ///
    /// let path = std::env::temp_dir().join(format!("cogloop-witness-{}", std::process::id()));
    /// let mut numbers = Vec::new();
    /// for recording in [Recording::Record(path.clone()), Recording::Replay(path.clone())] {
    ///     let events = EventLoop::<u64>::new(&Options { recording: Some(recording), ..Options::default() })?;
    ///     let random = RandomState::new().hash_one(0);
    ///     numbers.push(events.witness(random));
    /// }
    /// assert_eq!(numbers[0], numbers[1]);
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn witness(&self, value: u64) -> u64 {
        self.journal.as_ref().map_or(value, |journal| journal.witness(value))
    }

    /// Names the line of the program that acts next, such as `server.lua:12`. The message about a departure from the
    /// recording contains this name.
    pub fn set_place(&self, place: &str) {
        self.journal.iter().for_each(|journal| journal.set_place(place));
    }

    /// Declares that the program passes everything that it reads from this descriptor through
    /// [`witness`](Self::witness). So a replay need not wait until the descriptor is ready.
    pub fn feign(&self, token: Token) {
        self.journal.iter().for_each(|journal| journal.feign(token));
    }

    /// Sets a function that can end a replay's wait for a descriptor by returning true. The turn then finds nothing.
    /// Wakes do not end that wait, because a replay has the wakes of its recording.
    pub fn interrupt_replay_by(&self, is_interrupted: fn() -> bool) {
        self.journal.iter().for_each(|journal| journal.interrupt_by(is_interrupted));
    }

    /// The message that says where and how the program has departed from the recording; `None` if it has not.
    pub fn departure(&self) -> Option<String> {
        self.journal.as_ref()?.departure()
    }

    /// Records that a run ends because nothing keeps the loop going. A binding that takes the turns itself calls this.
    ///
    /// # Errors
    /// If the program has departed from the recording.
    pub fn note_idle(&self) -> io::Result<()> {
        let Some(journal) = &self.journal else { return Ok(()) };
        journal.idle();
        journal.check()
    }

    /// Records the wait. A replay also repeats the calls of `mark_ready` that the recording has.
    #[cold]
    pub(super) fn begin_recorded_wait(&mut self) {
        let Some(journal) = self.journal.clone() else { return };
        let (timers, descriptors) = (self.timers(), self.descriptors());
        let (readiness, observed) = (&mut self.readiness, &mut self.observed);
        journal.wait(timers, descriptors, |token, ready| readiness.mark(observed, token, ready));
    }
}
