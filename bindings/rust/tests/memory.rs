//! Memory runs out, at each request in turn: `Error::Memory`, nothing half done, and all that needs none goes on.
#![allow(unsafe_code, reason = "an allocator that refuses")]

use cogloop::{Error, Interval, Loop, Options, SendError};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Debug;
use std::ptr::null_mut;
use std::time::Duration;

/// What this thread is granted.
#[derive(Copy, Clone)]
enum Grant {
    All,
    /// So many requests, and none after them.
    Requests(usize),
    /// All but the one after so many.
    AllBut(usize),
}

thread_local! {
    static GRANT: Cell<Grant> = const { Cell::new(Grant::All) };
    static REFUSED: Cell<usize> = const { Cell::new(0) };
}

struct Limited;

#[global_allocator]
static LIMITED: Limited = Limited;

fn grants() -> bool {
    let Ok(grant) = GRANT.try_with(Cell::get) else { return true };
    let (is_granted, left) = match grant {
        Grant::All => return true,
        Grant::Requests(left) => (left > 0, Grant::Requests(left.saturating_sub(1))),
        Grant::AllBut(0) => (false, Grant::All),
        Grant::AllBut(left) => (true, Grant::AllBut(left - 1)),
    };
    GRANT.set(left);
    REFUSED.set(REFUSED.get() + usize::from(!is_granted));
    is_granted
}

// SAFETY: each call is passed on to the system's allocator as it is, or answered by null, which says that there is none.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        if grants() { unsafe { System.alloc(layout) } } else { null_mut() }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, and the memory is the system allocator's.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above; shrinking is never refused.
        if size < layout.size() || grants() { unsafe { System.realloc(memory, layout, size) } } else { null_mut() }
    }
}

fn with<R>(grant: Grant, work: impl FnOnce() -> R) -> (R, usize) {
    REFUSED.set(0);
    GRANT.set(grant);
    let result = work();
    GRANT.set(Grant::All);
    (result, REFUSED.get())
}

/// What was done; an error can only be one about memory.
fn done<T: Debug>(result: Result<T, Error>) -> Option<T> {
    result.map_err(|error| assert!(matches!(error, Error::Memory), "{error}")).ok()
}

type State = [u64; 64];

/// What is armed, posted and sent while memory runs out. The closures carry something, so that each has a box.
fn live(events: &Loop<State>, remote: &cogloop::Remote<State>, sender: &cogloop::Sender<u64>) -> usize {
    let (carried, mut live) = ([1_u64; 8], 0);
    for round in 0..40 {
        let delay = Duration::from_micros(1 + round);
        let once = done(events.after(delay, move |state, _| state[0] += carried[0]));
        let repeated = done(events.every(Interval::new(delay), move |state, _| state[1] += carried[1]));
        let slept = done(events.sleep(delay));
        live += usize::from(once.is_some()) + usize::from(repeated.is_some()) + usize::from(slept.is_some());
        assert_eq!(events.timer_count(), live, "nothing is half done");
        if let Some(timer) = repeated {
            assert!(events.reschedule(timer, delay) && events.cancel(timer), "what ends something needs no memory");
            live -= 1;
        }
        live -= usize::from(slept.is_some());
        drop(slept);
        let _ = done(remote.post(move |state: &mut State, _| state[2] += carried[2]));
        let _ = done(sender.send(round).map_err(|SendError { error, message }| {
            assert_eq!(message, round, "it comes back");
            error
        }));
    }
    live
}

#[test]
fn memory_that_runs_out_at_any_request_is_an_error() {
    let story = |grant| {
        let mut events = Loop::<State>::with_options(Options::new().backend("select").simulated()).unwrap();
        let remote = events.remote();
        let sender =
            events.channel(|state: &mut State, _, message: Option<u64>| state[3] += message.unwrap_or(0)).unwrap();
        let (live, refused) = with(grant, || live(&events, &remote, &sender));
        events.audit();
        assert_eq!(events.timer_count(), live);
        // All that was accepted comes, and the loop is as usable as before.
        events.after(Duration::ZERO, |state, _| state[4] += 1).unwrap();
        drop((remote, sender));
        let mut state = [0; 64];
        events.run(&mut state).unwrap();
        assert_eq!((state[0], state[1], state[4]), (live as u64, 0, 1));
        events.audit();
        refused
    };
    let enough = (0..10_000).find(|&requests| story(Grant::Requests(requests)) == 0).unwrap();
    assert!(enough > 100, "{enough} requests");
    for request in 0..enough {
        story(Grant::AllBut(request));
    }
}
