//! The protocol that turns many wakes into one notification and loses none. `cargo xtask test loom` tries the
//! interleavings.

#[cfg(all(loom, test))]
use loom::sync::atomic::{AtomicBool, Ordering};
#[cfg(not(all(loom, test)))]
use std::sync::atomic::{AtomicBool, Ordering};

/// A notifier: any thread may call it, and a backend notices the call.
pub(super) trait Notify {
    /// Makes the notifier readable.
    fn notify(&self);
    /// Takes all notifications so far.
    fn clear(&self);
}

/// A notifier, and whether a wake has called it or is about to call it.
#[derive(Debug)]
pub(super) struct Pending<B> {
    is_pending: AtomicBool,
    notifier: B,
}

impl<B: Notify> Pending<B> {
    pub(super) fn new(notifier: B) -> Self {
        Self { is_pending: AtomicBool::new(false), notifier }
    }

    pub(super) fn notifier(&self) -> &B {
        &self.notifier
    }

    /// Called by any thread, and by signal handlers.
    pub(super) fn wake(&self) {
        // Everything that the caller did before is released to the `drain` that takes this wake. If the flag was set
        // already, the swap sets it once more for that reason.
        if !self.is_pending.swap(true, Ordering::Release) {
            self.notifier.notify();
        }
    }

    /// Called by the loop when it has noticed the notification.
    pub(super) fn drain(&self) {
        // The order matters. If the flag were cleared first, a wake in between would notify, and its notification would
        // then be cleared while its flag stays set. No later wake would notify. In this order a wake in between finds
        // the flag set, and the loop is awake already.
        self.notifier.clear();
        self.is_pending.swap(false, Ordering::Acquire);
    }
}

#[cfg(all(loom, test))]
mod tests {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicUsize;
    use loom::thread;

    /// Stands for an eventfd. It uses `Relaxed`, so that only the flag makes visible what was done before a wake.
    struct Counter(AtomicUsize);

    impl Notify for Counter {
        fn notify(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn clear(&self) {
            self.0.swap(0, Ordering::Relaxed);
        }
    }

    impl Pending<Counter> {
        /// Blocks like a loop: only the notifier ends the wait. If the notifier were never called, loom would report
        /// that the model does not end.
        fn wait(&self) {
            while self.notifier.0.fetch_add(0, Ordering::Relaxed) == 0 {
                thread::yield_now();
            }
        }
    }

    /// Rows C54 and C55 of docs/conformance.md: each thread stores `each` messages, with a wake after each one. The
    /// loop waits until it has them all.
    fn all_arrive(threads: usize, each: usize) {
        let mut model = loom::model::Builder::new();
        // Without a bound, two threads and the loop take many minutes. One preemption in the wrong place is enough to
        // lose a wake.
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
    fn no_wake_of_one_thread_is_lost_c54() {
        all_arrive(1, 2);
    }

    #[test]
    fn no_wake_of_two_threads_is_lost_c54() {
        all_arrive(2, 1);
    }
}
