//! Tests every kind of waker with every backend, also the kinds of other systems.

use super::Waker;
use crate::Backend;
use crate::epoll::Epoll;
use crate::portable::Portable;
use crate::select::Select;
use crate::stories::or_skip;
use crate::uring::Uring;
use nix::sys::pthread::{Pthread, pthread_kill, pthread_self};
use nix::sys::signal::Signal;
use rustix::io::Errno;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

fn on_every_pair(story: impl Fn(&mut dyn Backend, &Waker)) {
    for kind in [Waker::new, Waker::with_pipe] {
        let uring = or_skip("uring", Uring::new()).map(|uring| Box::new(uring) as Box<dyn Backend>);
        let others: [Box<dyn Backend>; 3] =
            [Box::new(Epoll::new().unwrap()), Box::new(Select::new()), Box::new(Portable::new().unwrap())];
        for mut backend in others.into_iter().chain(uring) {
            let waker = kind().unwrap();
            println!("{} with {waker:?}", backend.name());
            backend.attach(&waker).unwrap();
            story(&mut *backend, &waker);
        }
    }
}

/// Waits without a timeout, so only the waker ends the wait.
fn wait(backend: &mut dyn Backend) {
    let mut events = Vec::new();
    backend.wait(&mut events, None).unwrap();
    assert_eq!(events, [], "a wake is not an event");
}

fn is_readable(waker: &Waker) -> bool {
    let mut polled = [rustix::event::PollFd::new(waker, rustix::event::PollFlags::IN)];
    rustix::event::poll(&mut polled, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 })) == Ok(1)
}

#[test]
fn a_wake_before_a_wait_ends_it_and_many_count_as_one_c55() {
    on_every_pair(|backend, waker| {
        for _ in 0..3 {
            (0..1_000).for_each(|_| waker.wake());
            wait(backend);
            assert!(!is_readable(waker), "one drain took all wakes");
        }
    });
}

/// The loop takes some wakes. Before it waits again, it must see everything that was done before them.
#[test]
fn no_wake_from_many_threads_is_lost_c54() {
    const THREADS: usize = 4;
    const MESSAGES: usize = 500;
    on_every_pair(|backend, waker| {
        let left = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..MESSAGES {
                        left.fetch_add(1, Ordering::Relaxed);
                        waker.wake();
                    }
                });
            }
            while left.load(Ordering::Relaxed) < THREADS * MESSAGES {
                wait(backend);
            }
        });
    });
}

#[test]
fn no_wake_from_a_signal_handler_is_lost_c54() {
    const SIGNALS: usize = 200;
    on_every_pair(|backend, waker| {
        let (handled, in_handler) = (Arc::new(AtomicUsize::new(0)), waker.clone());
        let counter = Arc::clone(&handled);
        let handler = move || {
            counter.fetch_add(1, Ordering::SeqCst);
            in_handler.wake();
        };
        // SAFETY: the handler does only what is safe in a signal handler: an atomic addition, and a wake.
        let id = unsafe { signal_hook::low_level::register(signal_hook::consts::SIGUSR2, handler) }.unwrap();
        // An integer, because musl's type is a pointer, which must not be sent to another thread.
        let waiter = pthread_self() as usize;
        thread::scope(|scope| {
            scope.spawn(|| {
                for sent in 0..SIGNALS {
                    pthread_kill(waiter as Pthread, Signal::SIGUSR2).unwrap();
                    // Two pending signals of one number would count as one.
                    while handled.load(Ordering::SeqCst) == sent {
                        thread::yield_now();
                    }
                }
            });
            while handled.load(Ordering::SeqCst) < SIGNALS {
                wait(backend);
            }
        });
        signal_hook::low_level::unregister(id);
    });
}

/// A handler in C can only write to the descriptor: it does not see the flag that says a wake is pending.
#[test]
fn writing_to_the_write_end_wakes_and_never_blocks_c54() {
    on_every_pair(|backend, waker| {
        let one = 1u64.to_ne_bytes();
        assert_eq!(rustix::io::write(waker.write_end(), &one), Ok(8));
        wait(backend);
        assert!(!is_readable(waker));
        // Writes until the eventfd or pipe is full.
        let most = (u64::MAX - 1).to_ne_bytes();
        let is_full = (0..100_000).any(|_| rustix::io::write(waker.write_end(), &most) == Err(Errno::AGAIN));
        assert!(is_full);
        waker.wake();
        wait(backend);
        assert!(!is_readable(waker), "one drain took all wakes");
        waker.wake();
        wait(backend);
    });
}
