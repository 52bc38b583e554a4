//! The interface of every timer store that is measured.

/// A timer store that is measured. Times are ticks. A new store is at tick 0.
///
/// A timer carries an id of 8 bytes and nothing else.
///
/// The most frequent functions are always inlined, in all stores. Without the attribute the compiler would inline them
/// for some stores only, and each change of the benchmarks could change the compiler's choice.
pub(crate) trait Store: Sized {
    /// The store's name in the tables and for `--only`.
    const NAME: &'static str;
    /// The longest delay that the store can hold, in ticks.
    const DELAY_MAX: u64 = u64::MAX;
    /// Whether `next_deadline` is exact. If it is not exact, it returns a tick to which the store has to be advanced.
    /// Perhaps no timer is due at that tick.
    const NEXT_IS_EXACT: bool = true;
    /// Whether `advance` needs a turn of the store's own event loop. The cost of a turn with nothing due is then
    /// measured separately and subtracted, because stores are compared here, not loops.
    const TURNS_A_LOOP: bool = false;

    /// Whether each timer fires at its deadline. A store that is not exact fires early or late; the difference depends
    /// on the delay. For such a store only the number of timers that fire is checked, not the ticks at which they fire.
    const EXACT: bool = true;

    /// The promises of our wheel that the store does not keep. Keeping them takes time, so a comparison says which
    /// promises a store does not keep. The promises: a stale handle is harmless; equal deadlines fire in the order of
    /// insertion; the next deadline is exact; a cancelled timer's memory is free at once.
    const GIVES_UP: &'static str = "";

    /// The handle that cancels a timer.
    type Handle;

    /// The reason why the store cannot be measured here; `None` if it can.
    fn missing() -> Option<&'static str> {
        None
    }

    fn new() -> Self;

    /// Sets a timer for the tick `deadline`, which is later than the tick that `advance` has reached.
    fn insert(&mut self, deadline: u64, id: u64) -> Self::Handle;

    /// Cancels a pending timer. Its handle is not used again.
    fn cancel(&mut self, handle: &mut Self::Handle);

    /// Sets a pending timer for another tick. The default cancels the timer and inserts it again, which is all that
    /// many stores can do.
    #[inline(always)]
    fn restart(&mut self, handle: &mut Self::Handle, deadline: u64, id: u64) {
        self.cancel(handle);
        *handle = self.insert(deadline, id);
    }

    /// Advances time to `now`, and calls `fired` with the id of each timer that is due. `fired` returns `None`, or a
    /// later deadline, for which the timer is set again.
    fn advance(&mut self, now: u64, fired: impl FnMut(u64) -> Option<u64>);

    /// Advances time to `now` in slices, and leaves due timers to the next call of `advance`. Calls `slice_done` after
    /// each slice, when a program could do other work. A store without slices does nothing and calls nothing.
    fn advance_in_slices(&mut self, _now: u64, _slice_done: impl FnMut()) {}

    /// The deadline of the earliest timer, if there is one.
    fn next_deadline(&mut self) -> Option<u64>;
}
