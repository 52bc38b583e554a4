//! The parts of a loop. Each part owns an invariant. Each part except `Time` has an audit that checks its state.
//!
//! | part | what always holds |
//! |---|---|
//! | [`Time`](time::Time) | the time of a turn does not go back |
//! | [`Timers`](timers::Timers) | every timer either keeps the loop going or counts as paused or unreferenced |
//! | [`Observed`](observed::Observed) | the backend observes the table's descriptors, and the owned ones stay open |
//! | [`Readiness`](readiness::Readiness) | every descriptor marked ready is listed; an event is given out once |
//! | [`Shares`](share::Shares) | a turn serves no more timers, and no more descriptors, than their share |
//!
//! The parts do not know the loop. `Readiness` works on `Observed`, and `Shares` reads `Time`; otherwise the parts do
//! not know each other. The files in the parent folder join the parts, and contain the functions that a user calls.

pub(super) mod kept;
pub(super) mod mode;
pub(super) mod observed;
pub(super) mod readiness;
pub(super) mod share;
pub(super) mod table;
pub(super) mod time;
pub(super) mod timers;
pub(super) mod unreferenced;
