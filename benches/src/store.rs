//! What every timer store is asked to do, ours and the peers alike.

/// A timer store under measurement. Times are ticks; the store stands at tick 0 when it is new.
///
/// A timer carries an id of 8 bytes and nothing else.
///
/// What a store is asked most is inlined always, in ours and the peers alike: left to itself the compiler makes a call of
/// it for one store and not for another, and changes its mind with each change of the benchmarks.
pub(crate) trait Store: Sized {
    /// What the store is called in the tables, and by `--only`.
    const NAME: &'static str;
    /// The longest delay that the store can hold, in ticks.
    const DELAY_MAX: u64 = u64::MAX;
    /// Whether `next_deadline` is exact. If not, it is a tick at which the store has to be advanced, timer or none.
    const NEXT_IS_EXACT: bool = true;
    /// Whether `advance` cannot be had without a turn of the peer's own event loop. What a turn with nothing due costs
    /// is then measured by itself and taken off: the comparison is of stores, not of loops.
    const TURNS_A_LOOP: bool = false;

    /// What a timer is cancelled by.
    type Handle: Copy;

    /// Why the store cannot be measured here; `None` when it can.
    fn missing() -> Option<&'static str> {
        None
    }

    fn new() -> Self;

    /// Sets a timer, for a tick after the one that `advance` has reached.
    fn insert(&mut self, deadline: u64, id: u64) -> Self::Handle;

    /// Takes out a timer that is pending.
    fn cancel(&mut self, handle: Self::Handle);

    /// Lets time pass until `now`, and calls `fired` with the id of each timer that is due. It answers with a deadline
    /// after `now` for which the timer is to be set again, or with `None`.
    fn advance(&mut self, now: u64, fired: impl FnMut(u64) -> Option<u64>);

    /// Lets time pass until `now` in slices, leaves what is due to the next call of `advance`, and calls `slice_done`
    /// where a caller can do other work. Without a call, and with nothing done, for a store that has no slices.
    fn advance_in_slices(&mut self, _now: u64, _slice_done: impl FnMut()) {}

    /// The deadline of the earliest timer, if there is one.
    fn next_deadline(&mut self) -> Option<u64>;
}
