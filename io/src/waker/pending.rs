//! The protocol by which many wakes become one ring and none is lost. `cargo xtask test loom` tries the interleavings.

#[cfg(all(loom, test))]
use loom::sync::atomic::{AtomicBool, Ordering};
#[cfg(not(all(loom, test)))]
use std::sync::atomic::{AtomicBool, Ordering};

/// Can be rung from anywhere, and heard by a backend.
pub(super) trait Sounding {
    /// Makes it readable.
    fn ring(&self);
    /// Takes all rings so far.
    fn silence(&self);
}

/// A bell, and whether somebody has rung it, or is about to.
#[derive(Debug)]
pub(super) struct Pending<B> {
    is_pending: AtomicBool,
    bell: B,
}

impl<B: Sounding> Pending<B> {
    pub(super) fn new(bell: B) -> Self {
        Self { is_pending: AtomicBool::new(false), bell }
    }

    pub(super) fn bell(&self) -> &B {
        &self.bell
    }

    /// From any thread, and from a signal handler.
    pub(super) fn wake(&self) {
        // Releases what the caller did before, to the `drain` that takes this wake: when the flag was up already, by
        // putting it up once more.
        if !self.is_pending.swap(true, Ordering::Release) {
            self.bell.ring();
        }
    }

    /// From the loop, when the bell has been heard.
    pub(super) fn drain(&self) {
        // In this order. The other way round a wake between the two rings, is silenced, and leaves the flag up: no later
        // wake would ring. In this order it finds the flag up, and the loop is awake already.
        self.bell.silence();
        self.is_pending.swap(false, Ordering::Acquire);
    }
}

#[cfg(all(loom, test))]
mod tests {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicUsize;
    use loom::thread;

    /// An eventfd. `Relaxed`, so that the flag alone has to make visible what was done before a wake.
    struct Counter(AtomicUsize);

    impl Sounding for Counter {
        fn ring(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn silence(&self) {
            self.0.swap(0, Ordering::Relaxed);
        }
    }

    impl Pending<Counter> {
        /// Blocks as a loop does: only the bell ends it. Were it never rung, loom would see no end and say so.
        fn wait(&self) {
            while self.bell.0.fetch_add(0, Ordering::Relaxed) == 0 {
                thread::yield_now();
            }
        }
    }

    /// C54, C55: each thread leaves `each` messages, and wakes after each; the loop goes on waiting until it has them all.
    fn all_arrive(threads: usize, each: usize) {
        let mut model = loom::model::Builder::new();
        // Without it two threads and the loop take many minutes. A wake is lost by one preemption in the wrong place.
        model.preemption_bound = Some(3);
        model.check(move || {
            let pending = Arc::new(Pending::new(Counter(AtomicUsize::new(0))));
            let left = Arc::new(AtomicUsize::new(0));
            for _ in 0..threads {
                let (pending, left) = (Arc::clone(&pending), Arc::clone(&left));
                thread::spawn(move || {
                    for _ in 0..each {
                        left.fetch_add(1, Ordering::Relaxed);
                        pending.wake();
                    }
                });
            }
            while left.load(Ordering::Relaxed) < threads * each {
                pending.wait();
                pending.drain();
            }
        });
    }

    #[test]
    fn of_one_threads_wakes_none_is_lost_c54() {
        all_arrive(1, 2);
    }

    #[test]
    fn of_two_threads_wakes_none_is_lost_c54() {
        all_arrive(2, 1);
    }
}
