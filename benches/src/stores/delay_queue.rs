//! `tokio-util`'s `DelayQueue`, under tokio's virtual clock.
//!
//! The queue gets the time and its wake-ups from the runtime. So this store moves the runtime's clock and lets the
//! runtime turn once. The cost of a turn is measured separately and subtracted. The results include the queue's own use
//! of the runtime: a boxed `Sleep` for every new earliest deadline.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, EnterGuard, Runtime};
use tokio::time::Instant;
use tokio_util::time::DelayQueue;
use tokio_util::time::delay_queue::Key;

use crate::store::Store;

/// A tick is 1 ms, which is the queue's own unit.
pub(crate) struct TokioDelayQueue {
    now: u64,
    start: Instant,
    queue: DelayQueue<u64>,
    runtime: &'static Runtime,
    _inside_runtime: EnterGuard<'static>,
}

thread_local! {
    /// Each thread has its own runtime, because the clock of a runtime cannot be shared. The runtime is never dropped,
    /// because a queue borrows it.
    static RUNTIME: &'static Runtime = Box::leak(Box::new(
        Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime without I/O"),
    ));
}

impl Store for TokioDelayQueue {
    const NAME: &'static str = "delay-queue";
    const DELAY_MAX: u64 = (1 << 36) - 1;
    const TURNS_A_LOOP: bool = true;
    const GIVES_UP: &'static str = "stale handles, the order of equals";
    type Handle = Key;

    fn new() -> Self {
        let runtime = RUNTIME.with(|runtime| *runtime);
        let _inside_runtime = runtime.enter();
        Self { now: 0, start: Instant::now(), queue: DelayQueue::new(), runtime, _inside_runtime }
    }

    #[inline(always)]
    fn insert(&mut self, deadline: u64, id: u64) -> Key {
        self.queue.insert_at(id, self.start + Duration::from_millis(deadline))
    }

    #[inline(always)]
    fn cancel(&mut self, &mut key: &mut Key) {
        self.queue.remove(&key);
    }

    #[inline(always)]
    fn restart(&mut self, &mut key: &mut Key, deadline: u64, _id: u64) {
        self.queue.reset_at(&key, self.start + Duration::from_millis(deadline));
    }

    fn advance(&mut self, now: u64, mut fired: impl FnMut(u64) -> Option<u64>) {
        let passed = Duration::from_millis(now - self.now);
        self.now = now;
        let (queue, start) = (&mut self.queue, self.start);
        let expire_all = poll_fn(|context| {
            while let Poll::Ready(Some(timer)) = queue.poll_expired(context) {
                let id = timer.into_inner();
                if let Some(again) = fired(id) {
                    queue.insert_at(id, start + Duration::from_millis(again));
                }
            }
            Poll::Ready(())
        });
        self.runtime.block_on(async {
            tokio::time::advance(passed).await;
            // Without `unconstrained`, the runtime would interrupt the task after each 128 timers, for the sake of
            // other tasks.
            tokio::task::coop::unconstrained(expire_all).await;
        });
    }

    fn next_deadline(&mut self) -> Option<u64> {
        let first = self.queue.peek()?;
        Some((self.queue.deadline(&first) - self.start).as_millis() as u64)
    }
}
