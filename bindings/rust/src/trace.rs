//! Reports for the crate `tracing`. Without the feature `tracing` these functions do nothing.
//!
//! | event | level | fields |
//! |---|---|---|
//! | a loop was made | debug | `backend`, `reason` |
//! | a timer fires | trace | `late_ns`, `missed` |
//! | a source is ready | trace | `slot`, `ready` |
//! | a turn is over | trace | `served`: the number of callbacks and tasks |
//!
//! All of them have the target `cogloop`.
#![cfg_attr(not(feature = "tracing"), allow(clippy::missing_const_for_fn, reason = "they are empty"))]

#[cfg(feature = "tracing")]
mod events {
    use crate::core::Kind;
    use crate::handle::Handle;
    use cogloop_io::ExpiredTimer;
    use cogloop_io::Ready;

    pub(crate) fn made<S>(handle: &Handle<S>) {
        let report = handle.backend();
        tracing::debug!(target: "cogloop", backend = report.name, reason = %report.reason, "a loop was made");
    }

    pub(crate) fn timer(expired: &ExpiredTimer<Kind>) {
        tracing::trace!(target: "cogloop", late_ns = expired.late_ns, missed = expired.missed, "a timer fires");
    }

    pub(crate) fn source(ready: Ready) {
        tracing::trace!(target: "cogloop", slot = ready.token.index(), ready = ?ready.ready, "a source is ready");
    }

    pub(crate) fn turn(served: usize) {
        tracing::trace!(target: "cogloop", served, "a turn is over");
    }
}

#[cfg(not(feature = "tracing"))]
mod events {
    use crate::core::Kind;
    use crate::handle::Handle;
    use cogloop_io::ExpiredTimer;
    use cogloop_io::Ready;

    pub(crate) fn made<S>(_: &Handle<S>) {}
    pub(crate) fn timer(_: &ExpiredTimer<Kind>) {}
    pub(crate) fn source(_: Ready) {}
    pub(crate) fn turn(_: usize) {}
}

pub(crate) use events::source;
pub(crate) use events::{made, timer, turn};
