//! In a steady state, sources, tasks, messages and callbacks without captures allocate nothing: repeated work allocates
//! only the first time. The last test measures the bytes that a task takes.

mod common;

use cogloop::{Interest, Loop};
use common::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::time::Duration;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

/// Records an allocation: its new and its old size in bytes.
fn count(bytes: usize, old: usize) {
    // While a thread ends, its thread-local counter does not exist.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
    let _ = BYTES.try_with(|count| count.set(count.get().wrapping_add(bytes).wrapping_sub(old)));
}

// SAFETY: each call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc`, which is that of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        let _ = BYTES.try_with(|count| count.set(count.get().wrapping_sub(layout.size())));
        // SAFETY: the caller keeps the contract of `dealloc`, and the memory came from the system's allocator.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// Returns the allocations of 200 rounds after a warm-up. How long the warm-up takes depends on the clock's time: a
/// table of the wheel grows when a timer first needs it. So there are ten tries. Code that allocates regularly
/// allocates in each try.
fn allocations(events: &mut Loop<u64>, mut more: impl FnMut(&mut Loop<u64>, &mut u64)) -> u64 {
    let mut state = 0;
    let mut count = || {
        let (before, served) = (ALLOCATIONS.get(), state);
        for _ in 0..200 {
            more(events, &mut state);
        }
        // A turn may return early and serve nothing.
        assert!(state >= served + 100, "the rounds serve their callbacks");
        ALLOCATIONS.get() - before
    };
    (0..10).map(|_| count()).find(|&allocations| allocations == 0).unwrap_or_else(count)
}

#[test]
fn intervals_and_timers_without_captures_allocate_nothing() {
    let mut events = Loop::simulated().unwrap();
    for ms in [1, 3, 7, 100] {
        events.every(ms * MS, |count: &mut u64, _| *count += 1).unwrap();
    }
    let counted = allocations(&mut events, |events, count| {
        events.after(2 * MS, |count: &mut u64, _| *count += 1).unwrap();
        let other = events.after(SECOND, |count: &mut u64, _| *count += 1).unwrap();
        events.run_for(count, 10 * MS).unwrap();
        assert!(events.cancel(other));
    });
    assert_eq!(counted, 0);
}

#[test]
fn sources_and_waiting_for_them_allocate_nothing() {
    on_every_backend(|options| {
        let mut events = Loop::with_options(options.clone()).unwrap();
        let (ours, mut peer) = streams();
        events
            .add(ours, Interest::READ, |count: &mut u64, _, mut ours| {
                *count += ours.read(&mut [0; 8]).unwrap() as u64;
            })
            .unwrap();
        let counted = allocations(&mut events, |events, count| {
            peer.write_all(b"x").unwrap();
            events.turn(count, Some(SECOND)).unwrap();
        });
        assert_eq!(counted, 0);
    });
}

/// On Windows the crate `polling` allocates each time that a descriptor is observed again.
#[cfg(unix)]
#[test]
fn tasks_that_sleep_and_read_and_are_woken_allocate_nothing() {
    on_every_backend(|options| {
        let mut events = Loop::with_options(options.clone()).unwrap();
        let (left, right) = streams();
        left.set_nonblocking(true).and(right.set_nonblocking(true)).unwrap();
        let (left, right) = (events.watch(left).unwrap(), events.watch(right).unwrap());
        let handle = events.handle();
        let echo = events.spawn(async move {
            let mut buffer = [0; 8];
            loop {
                let length = right.read(&mut buffer).await.unwrap();
                handle.sleep(Duration::ZERO).unwrap().await.unwrap();
                right.write_all(&buffer[..length]).await.unwrap();
            }
        });
        echo.unwrap().detach();
        let counted = allocations(&mut events, |events, count| {
            let length = events.block_on(count, async {
                left.write_all(b"x").await.unwrap();
                left.read(&mut [0; 8]).await.unwrap()
            });
            *count += length.unwrap() as u64;
        });
        assert_eq!(counted, 0);
    });
}

#[test]
fn messages_and_posts_without_captures_allocate_nothing() {
    let mut events = Loop::new().unwrap();
    let sender = events.channel(|count: &mut u64, _, message: Option<u64>| *count += message.unwrap_or(0)).unwrap();
    let remote = events.remote();
    let counted = allocations(&mut events, |events, count| {
        sender.try_send(1).unwrap();
        remote.post(|count: &mut u64, _| *count += 1).unwrap();
        events.turn(count, Some(SECOND)).unwrap();
    });
    assert_eq!(counted, 0);
}

/// Regression test: a task and a timeout each had room for two copies of their future.
#[test]
fn a_task_and_a_timeout_take_the_bytes_of_their_future_and_a_few_hundred() {
    const TASKS: usize = 4096;
    const KEPT: usize = 1000;
    let mut events = Loop::<u64>::simulated().unwrap();
    let before = BYTES.get();
    for _ in 0..TASKS {
        let handle = events.handle();
        let future = async move {
            let kept = [7u8; KEPT];
            handle.sleep(SECOND).unwrap().await.unwrap();
            std::hint::black_box(&kept);
        };
        events.spawn(events.timeout(2 * SECOND, future)).unwrap().detach();
    }
    events.turn(&mut 0, Some(Duration::ZERO)).unwrap();
    assert_eq!(events.timer_count(), 2 * TASKS, "all sleep");
    let bytes = (BYTES.get() - before) / TASKS;
    assert!(bytes < KEPT + 500, "{bytes} bytes");
}
