//! Who takes part, and the steps that each goes through.

use std::io;

use super::measure::{Figure, Work};
use super::{async_io, callbacks, calloop, cogloop, futures, tokio};

type Step = fn(Work) -> io::Result<Vec<Figure>>;

#[derive(Copy, Clone)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    steps: [Step; 5],
}

impl Contender {
    pub(super) const STEPS: [&'static str; 5] = ["pending timeouts", "due timers", "lone timers", "posts", "ping-pong"];

    pub(super) fn step(&self, nth: usize, work: Work) -> io::Result<Vec<Figure>> {
        (self.steps[nth])(work)
    }

    const fn with_callbacks<C: callbacks::Callbacks>(name: &'static str) -> Self {
        use callbacks::{due, pending, pingpong, posts, sparse};
        Self { name, steps: [pending::<C>, due::<C>, sparse::<C>, posts::<C>, pingpong::<C>] }
    }

    const fn with_futures<F: futures::Futures>(name: &'static str) -> Self {
        use futures::{due, pending, pingpong, posts, sparse};
        Self { name, steps: [pending::<F>, due::<F>, sparse::<F>, posts::<F>, pingpong::<F>] }
    }
}

/// The first is what the others are compared with.
pub(super) const ALL: [Contender; 5] = [
    Contender::with_callbacks::<cogloop::WithCallbacks>("cogloop"),
    Contender::with_futures::<cogloop::WithFutures>("cogloop futures"),
    Contender::with_callbacks::<calloop::Calloop>("calloop"),
    Contender::with_futures::<tokio::Tokio>("tokio"),
    Contender::with_futures::<async_io::AsyncIo>("async-io"),
];
