//! The contenders, and the steps that each runs.

use std::io;

use super::measure::{Figure, Work};
use super::{async_io, callbacks, calloop, cogloop, futures, intervals, tokio};

type Step = fn(Work) -> io::Result<Vec<Figure>>;

#[derive(Copy, Clone)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    /// The steps; `None` for a step that the contender leaves out. Only futures can give up waiting for a socket.
    steps: [Option<Step>; 8],
}

impl Contender {
    pub(super) const STEPS: [&'static str; 8] = [
        "pending timeouts",
        "timeouts cancelled at once",
        "due timers",
        "lone timers",
        "posts",
        "ping-pong",
        "waits that are given up",
        "intervals",
    ];

    /// Runs a step. Returns an empty list if the contender leaves out the step.
    pub(super) fn step(&self, nth: usize, work: Work) -> io::Result<Vec<Figure>> {
        self.steps[nth].map_or(Ok(Vec::new()), |step| step(work))
    }

    /// Whether the contender does a step.
    #[cfg(test)]
    pub(super) fn does(&self, nth: usize) -> bool {
        self.steps[nth].is_some()
    }

    const fn with_callbacks<C: callbacks::Callbacks>(name: &'static str) -> Self {
        use callbacks::{due, pairs, pending, pingpong, posts, sparse};
        let steps: [Step; 6] = [pending::<C>, pairs::<C>, due::<C>, sparse::<C>, posts::<C>, pingpong::<C>];
        let [pending, pairs, due, sparse, posts, pingpong] = steps;
        let steps = [Some(pending), Some(pairs), Some(due), Some(sparse), Some(posts), Some(pingpong), None, None];
        Self { name, steps }
    }

    const fn with_futures<F: futures::Futures>(name: &'static str) -> Self {
        use futures::{due, given_up, pairs, pending, pingpong, posts, sparse};
        let steps: [Step; 7] =
            [pending::<F>, pairs::<F>, due::<F>, sparse::<F>, posts::<F>, pingpong::<F>, given_up::<F>];
        let [pending, pairs, due, sparse, posts, pingpong, given_up] = steps;
        let some = [Some(pending), Some(pairs), Some(due), Some(sparse), Some(posts), Some(pingpong), Some(given_up)];
        let [pending, pairs, due, sparse, posts, pingpong, given_up] = some;
        let steps = [pending, pairs, due, sparse, posts, pingpong, given_up, None];
        Self { name, steps }
    }

    const fn with_intervals(mut self, intervals: Step) -> Self {
        self.steps[7] = Some(intervals);
        self
    }
}

/// All contenders. The first is the base of all comparisons.
pub(super) const ALL: [Contender; 6] = [
    Contender::with_callbacks::<cogloop::WithCallbacks>("cogloop").with_intervals(intervals::exact),
    Contender { name: "cogloop slack 1 ms", steps: [None; 8] }.with_intervals(intervals::slack),
    Contender::with_futures::<cogloop::WithFutures>("cogloop futures").with_intervals(intervals::futures),
    Contender::with_callbacks::<calloop::Calloop>("calloop"),
    Contender::with_futures::<tokio::Tokio>("tokio").with_intervals(intervals::tokio),
    Contender::with_futures::<async_io::AsyncIo>("async-io"),
];
