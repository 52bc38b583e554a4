//! The interface of every timer store that is measured.

/// A timer store that is measured. Times are ticks. A new store is at tick 0.
///
/// A timer carries an id of 8 bytes and nothing else.
///
/// The most frequent functions are always inlined, in all stores. Without that the compiler inlines them for one store
/// and not for another, and decides differently after each change of the benchmarks.
pub(crate) trait Store: Sized {
    /// The store's name in the tables and for `--only`.
    const NAME: &'static str;
    /// The longest delay that the store can hold, in ticks.
    const DELAY_MAX: u64 = u64::MAX;
    /// Whether `next_deadline` is exact. If not, it is a tick to which the store has to be advanced, perhaps without a
    /// timer that is due.
    const NEXT_IS_EXACT: bool = true;
    /// Whether `advance` needs a turn of the peer's own event loop. The cost of a turn with nothing due is then
    /// measured separately and subtracted, because stores are compared here, not loops.
    const TURNS_A_LOOP: bool = false;

    /// Whether each timer fires at its deadline. A store that is not exact fires early or late, by how much depends on the
    /// delay. It is not compared with the others by what fires when, only by the number of timers.
    const EXACT: bool = true;

    /// The handle that cancels a timer.
    type Handle;

    /// Why the store cannot be measured here; `None` if it can.
    fn missing() -> Option<&'static str> {
        None
    }

    fn new() -> Self;

    /// Sets a timer for a tick after the one that `advance` has reached.
    fn insert(&mut self, deadline: u64, id: u64) -> Self::Handle;

    /// Cancels a pending timer. Its handle is not used again.
    fn cancel(&mut self, handle: &mut Self::Handle);

    /// Advances time to `now`, and calls `fired` with the id of each timer that is due. `fired` returns a later
    /// deadline to set the timer again, or `None`.
    fn advance(&mut self, now: u64, fired: impl FnMut(u64) -> Option<u64>);

    /// Advances time to `now` in slices, leaves due timers to the next call of `advance`, and calls `slice_done` after
    /// each slice, where a caller could do other work. A store without slices does nothing and calls nothing.
    fn advance_in_slices(&mut self, _now: u64, _slice_done: impl FnMut()) {}

    /// The deadline of the earliest timer, if there is one.
    fn next_deadline(&mut self) -> Option<u64>;
}
