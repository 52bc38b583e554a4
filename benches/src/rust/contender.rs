//! Who takes part, and the steps that each goes through.

use std::io;

use super::measure::{Figure, Work};
use super::{async_io, callbacks, calloop, cogloop, futures, tokio};

type Step = fn(Work) -> io::Result<Vec<Figure>>;

#[derive(Copy, Clone)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    steps: [Step; 5],
    /// Of what only futures can do.
    given_up: Option<Step>,
}

impl Contender {
    pub(super) const STEPS: [&'static str; 6] =
        ["pending timeouts", "due timers", "lone timers", "posts", "ping-pong", "waits that are given up"];

    /// No figures of what it cannot do.
    pub(super) fn step(&self, nth: usize, work: Work) -> io::Result<Vec<Figure>> {
        let step = self.steps.get(nth).copied().or(self.given_up);
        step.map_or(Ok(Vec::new()), |step| step(work))
    }

    /// Whether it has figures of a step.
    #[cfg(test)]
    pub(super) fn does(&self, nth: usize) -> bool {
        nth < self.steps.len() || self.given_up.is_some()
    }

    const fn with_callbacks<C: callbacks::Callbacks>(name: &'static str) -> Self {
        use callbacks::{due, pending, pingpong, posts, sparse};
        Self { name, steps: [pending::<C>, due::<C>, sparse::<C>, posts::<C>, pingpong::<C>], given_up: None }
    }

    const fn with_futures<F: futures::Futures>(name: &'static str) -> Self {
        use futures::{due, given_up, pending, pingpong, posts, sparse};
        let steps: [Step; 5] = [pending::<F>, due::<F>, sparse::<F>, posts::<F>, pingpong::<F>];
        Self { name, steps, given_up: Some(given_up::<F>) }
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
