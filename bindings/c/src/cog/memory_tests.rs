//! Tests that refuse each request for memory in turn. The exported functions then return `COG_ERROR_MEMORY` and change
//! nothing. Functions that need no memory still work.

use std::ffi::{CStr, c_int, c_void};
use std::io;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::ptr::{null, null_mut};

use super::answer::{COG_ERROR_MEMORY, COG_ERROR_STALE, COG_OK, cog_last_message, cog_strerror};
use super::hooks::*;
use super::loops::*;
use super::timers::*;
use super::walk::*;
use super::watches::*;
use super::{CogExpiry, CogHook, CogLoop, CogTimer, CogWatch};
use crate::allocator::{Grant, with};

unsafe extern "C-unwind" fn on_timer(_: CogTimer, _: *const CogExpiry, calls: *mut c_void) {
    // SAFETY: each test passes its own counter, which outlives the loop.
    unsafe { *calls.cast::<u32>() += 1 };
}

unsafe extern "C-unwind" fn on_watch(_: CogWatch, _: c_int, calls: *mut c_void) {
    // SAFETY: as above.
    unsafe { *calls.cast::<u32>() += 1 };
}

unsafe extern "C-unwind" fn on_post(calls: *mut c_void) {
    // SAFETY: as above.
    unsafe { *calls.cast::<u32>() += 1 };
}

/// Returns whether the call succeeded. Otherwise checks that its error and its message are about memory.
fn is_done(code: c_int) -> bool {
    if code == COG_ERROR_MEMORY {
        // SAFETY: both are strings that stay valid until the next call.
        let words = unsafe { (CStr::from_ptr(cog_last_message()), CStr::from_ptr(cog_strerror(code))) };
        assert!(words.0.to_bytes().len() > 10 && words.1 == c"there is not enough memory", "{words:?}");
    }
    assert!(code == COG_OK || code == COG_ERROR_MEMORY, "{code}");
    code == COG_OK
}

fn new_loop() -> (c_int, CogLoop) {
    let mut made = CogLoop { id: 7 };
    // SAFETY: there are no options, and the output is a place for the handle.
    let code = unsafe { cog_loop_new(null(), &raw mut made) };
    (code, made)
}

/// Calls the functions of timers, watches of descriptors, hooks, posts and walks. `cog_watch_signal` is not among them,
/// because the standard library boxes values for signals.
fn live(events: CogLoop, pipes: &[(io::PipeReader, io::PipeWriter)], calls: *mut c_void) {
    // SAFETY: outputs are NULL or point to places, and the counter outlives the loop.
    unsafe {
        for round in 0..40_u64 {
            let mut timer = CogTimer { loop_id: 7, key: 7 };
            if is_done(cog_timer_after(events, 1 + round * 1000, Some(on_timer), calls, &raw mut timer)) {
                assert!(is_done(cog_timer_reschedule(timer, round)));
                let _ = is_done(cog_timer_pause(timer));
                // Resuming needs no memory, whether the timer is paused or not.
                assert!(is_done(cog_timer_resume(timer)));
                let _ = is_done(cog_timer_unref(timer));
                assert!(is_done(cog_timer_ref(timer)));
                let _ = is_done(cog_timer_on_end(timer, Some(on_post)));
                if round % 3 == 0 {
                    assert!(is_done(cog_timer_cancel(timer)));
                }
            } else {
                assert_eq!((timer.loop_id, timer.key), (7, 7), "nothing is half done");
            }
            let mut kept = CogTimer { loop_id: 7, key: 7 };
            if is_done(cog_timer_new(events, Some(on_timer), calls, &raw mut kept)) {
                // Starting and stopping need no memory.
                assert!(is_done(cog_timer_reschedule(kept, round)) && is_done(cog_timer_stop(kept)));
                let _ = is_done(cog_timer_reschedule(kept, round)) && is_done(cog_timer_pause(kept));
                assert!(is_done(if round % 2 == 0 { cog_timer_stop(kept) } else { cog_timer_cancel(kept) }));
            } else {
                assert_eq!((kept.loop_id, kept.key), (7, 7), "nothing is half done");
            }
            let _ = is_done(cog_timer_every(events, 1_000_000, 0, Some(on_timer), calls, null_mut()));
            let _ = is_done(cog_loop_post(events, Some(on_post), None, calls));
            assert_eq!(cog_timer_cancel(CogTimer { loop_id: events.id, key: 7 }), COG_ERROR_STALE);
        }
        for (reader, _) in pipes {
            let mut watch = CogWatch { loop_id: 7, token: 7 };
            let fd = reader.as_raw_fd();
            if is_done(cog_watch_descriptor(events, fd, 1, 0, Some(on_watch), calls, &raw mut watch)) {
                let _ = is_done(cog_watch_set(watch, 0));
                assert!(
                    is_done(cog_watch_on_end(watch, Some(on_post))),
                    "the watch's entry has room for the end function"
                );
                let _ = is_done(cog_watch_unref(watch));
                assert!(is_done(cog_watch_remove(watch)), "a removal needs no memory");
            } else {
                assert_eq!((watch.loop_id, watch.token), (7, 7), "nothing is half done");
            }
        }
        for _ in 0..5 {
            let mut hook = CogHook { loop_id: 7, number: 7 };
            if is_done(cog_hook_add(events, 2, Some(on_post), calls, &raw mut hook)) {
                assert!(is_done(cog_hook_remove(hook)), "a removal needs no memory");
            } else {
                assert_eq!((hook.loop_id, hook.number), (7, 7), "nothing is half done");
            }
            let _ = is_done(cog_hook_add(events, 3, Some(on_post), calls, null_mut()));
        }
        let _ = is_done(cog_loop_walk(events, Some(each_timer), None, null_mut()));
        let _ = is_done(cog_loop_step(events));
    }
}

unsafe extern "C-unwind" fn each_timer(timer: CogTimer, _: *mut c_void) {
    assert_eq!(cog_timer_reschedule(timer, 1), COG_OK);
}

/// Checks that the loop still works.
fn check(events: CogLoop, calls: *mut c_void) {
    let before = count(calls);
    // SAFETY: as above.
    unsafe {
        assert!(is_done(cog_timer_after(events, 0, Some(on_timer), calls, null_mut())));
        assert!(is_done(cog_loop_post(events, Some(on_post), None, calls)));
    }
    for _ in 0..3 {
        assert!(is_done(cog_loop_step(events)));
    }
    assert!(count(calls) >= before + 2);
}

fn count(calls: *mut c_void) -> u32 {
    // SAFETY: the pointer points to a counter.
    unsafe { *calls.cast::<u32>() }
}

#[test]
fn memory_that_runs_out_at_any_request_is_an_error() {
    let pipes: Vec<_> = (0..20).map(|_| io::pipe().unwrap()).collect();
    let story = |grant| {
        let (code, events) = new_loop();
        assert_eq!(code, COG_OK);
        let mut calls = 0_u32;
        let counter = (&raw mut calls).cast::<c_void>();
        let ((), refused) = with(grant, || live(events, &pipes, counter));
        check(events, counter);
        assert_eq!(cog_loop_free(events), COG_OK);
        refused
    };
    let enough = (0..10_000).find(|&requests| story(Grant::Requests(requests)) == 0).unwrap();
    assert!(enough > 10, "{enough} requests");
    for request in 0..enough {
        story(Grant::AllBut(request));
    }
}

/// Memory runs out in `cog_loop_run` and in watches of children.
#[test]
fn memory_that_runs_out_while_a_loop_runs_and_waits_for_children_is_an_error() {
    let story = |grant| {
        let (code, events) = new_loop();
        assert_eq!(code, COG_OK);
        let mut children: Vec<_> = (0..3).map(|_| Command::new("true").spawn().unwrap()).collect();
        let mut calls = 0_u32;
        let counter = (&raw mut calls).cast::<c_void>();
        let mut watched = 0;
        let ((), refused) = with(grant, || {
            for child in &children {
                let mut watch = CogWatch { loop_id: 7, token: 7 };
                // SAFETY: the output is a place for the handle, and the counter outlives the loop.
                let code = unsafe {
                    cog_watch_child(events, child.id().cast_signed(), Some(on_watch), counter, &raw mut watch)
                };
                if code == libc::ENOSYS || !is_done(code) {
                    assert_eq!((watch.loop_id, watch.token), (7, 7), "nothing is half done");
                } else {
                    watched += 1;
                }
            }
            for round in 0..20_u64 {
                // SAFETY: as above.
                let _ = is_done(unsafe { cog_timer_after(events, round, Some(on_timer), counter, null_mut()) });
            }
            // A run may fail early. The next run continues.
            let _ = is_done(cog_loop_run(events));
        });
        assert!(is_done(cog_loop_run(events)));
        assert!(count(counter) >= watched, "{watched} children are reported");
        check(events, counter);
        assert_eq!(cog_loop_free(events), COG_OK);
        for child in &mut children {
            // The loop may have collected the child's status already.
            let _ = child.wait();
        }
        refused
    };
    let enough = (0..10_000).find(|&requests| story(Grant::Requests(requests)) == 0).unwrap();
    for request in 0..enough {
        story(Grant::AllBut(request));
    }
}

/// Some allocations of the standard library cannot return an error. Before such allocations the library asks for at
/// least as much memory in one piece, in a request that can fail.
#[test]
fn making_a_loop_or_a_signal_watch_with_too_little_memory_is_an_error() {
    let (mut loops, mut watches) = (0, 0);
    for kilobytes in 0..800 {
        let mut calls = 0_u32;
        let counter = (&raw mut calls).cast::<c_void>();
        with(Grant::Bytes(kilobytes << 10), || {
            let (code, events) = new_loop();
            if !is_done(code) {
                assert_eq!(events.id, 7, "nothing is half done");
                return;
            }
            loops += 1;
            // SAFETY: the output is NULL, and the counter outlives the loop.
            watches +=
                usize::from(is_done(unsafe { cog_watch_signal(events, 12, Some(on_watch), counter, null_mut()) }));
            assert!(is_done(cog_loop_step(events)));
            assert!(is_done(cog_loop_free(events)));
        });
    }
    assert!((1..800).contains(&loops) && (1..800).contains(&watches), "{loops} loops, {watches} watches");
}
