//! Implementations of `Stream` of the crate `futures-core`, a trait that does not depend on a runtime.

use crate::{Receiver, Tick, Ticks};
use futures_core::Stream;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The stream ends when the loop was dropped, or if there is no room for a new timer after a `clear`.
///
/// ```
/// use futures_core::Stream;
/// use std::{future::poll_fn, pin::Pin, time::Duration};
///
/// let mut events = cogloop::Loop::<()>::simulated()?;
/// let mut ticks = events.interval(Duration::from_secs(1))?;
/// let next = poll_fn(|cx| Pin::new(&mut ticks).poll_next(cx));
/// let tick = events.block_on(&mut (), next)?.expect("an open loop");
/// assert_eq!(tick.deadline, events.now());
/// # Ok::<(), cogloop::Error>(())
/// ```
impl Stream for Ticks {
    type Item = Tick;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Tick>> {
        self.poll_tick(cx).map(Result::ok)
    }
}

/// The stream ends when every sender was dropped.
impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }
}

/// The stream ends when the loop was cleared or dropped.
#[cfg(unix)]
impl Stream for crate::signal::Signals {
    type Item = i32;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<i32>> {
        self.poll_recv(cx).map(Result::ok)
    }
}
