//! The threads on which callbacks run.
//!
//! One thread serves callbacks that return. When the timer thread sees that jobs wait and none was taken since it last
//! looked, a millisecond ago, every thread is held up, and it adds one; so a callback that blocks delays the others by
//! that much, and a thousand that do not block need one thread. Threads without work for ten seconds end.
//!
//! Not a pool of crates.io: those that grow do so by the length of the queue, which a thousand short callbacks fill, and
//! then have hundreds of threads.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::PoisonError;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::layout;
use super::service::{Service, State};
use super::timers::{Job, Runner};

const IDLE_TIME: Duration = Duration::from_secs(10);

thread_local! {
    static NUMBER: Cell<Option<Runner>> = const { Cell::new(None) };
}

/// The number of this thread, if it is one of the pool.
pub(super) fn number() -> Option<Runner> {
    NUMBER.get()
}

#[derive(Debug)]
struct Member {
    handle: JoinHandle<()>,
    /// Inside a callback or a destructor.
    is_busy: bool,
}

#[derive(Debug, Default)]
pub(super) struct Pool {
    members: BTreeMap<Runner, Member>,
    /// Who waits for work.
    idle: usize,
    /// Jobs taken when the timer thread looked last.
    seen: u64,
    cores: Option<usize>,
    last: u64,
}

impl Pool {
    /// Sees to it that what waits is served.
    pub(super) fn supervise(state: &mut State, service: &'static Service) {
        let taken = state.timers.taken;
        let is_stuck = std::mem::replace(&mut state.pool.seen, taken) == taken;
        if !state.timers.has_queued() {
            return;
        }
        let pool = &mut state.pool;
        let busy = pool.members.len() - pool.idle;
        let cores = *pool.cores.get_or_insert_with(|| thread::available_parallelism().map_or(1, usize::from));
        if busy >= cores && !is_stuck {
            return;
        }
        if pool.idle > 0 {
            service.work.notify_one();
            return;
        }
        pool.last += 1;
        let me = NonZeroU64::MIN.saturating_add(pool.last);
        // Refused for want of memory or threads: the next look tries again.
        if let Ok(handle) = super::thread::spawn("cogloop callbacks", move || serve(service, me)) {
            pool.members.insert(me, Member { handle, is_busy: false });
        }
    }

    /// The threads that are in no callback; they end as soon as they see that the service is closing.
    pub(super) fn take_free(&mut self) -> Vec<JoinHandle<()>> {
        let members = std::mem::take(&mut self.members);
        members.into_values().filter(|member| !member.is_busy).map(|member| member.handle).collect()
    }

    fn set_busy(&mut self, me: Runner, is_busy: bool) {
        if let Some(member) = self.members.get_mut(&me) {
            member.is_busy = is_busy;
        }
    }
}

/// A thread of the pool.
fn serve(service: &'static Service, me: Runner) {
    NUMBER.set(Some(me));
    let mut state = service.lock();
    while !state.is_closing {
        if let Some(job) = state.timers.take(me) {
            state.pool.set_busy(me, true);
            drop(state);
            run(&job);
            state = service.lock();
            let is_over = state.timers.finish(job.timer);
            // Each notification is a system call.
            if state.waiting > 0 {
                service.finished.notify_all();
            }
            if is_over {
                drop(state);
                // SAFETY: it has left every list of ours, and a timer ends once.
                unsafe { layout::end(job.timer) };
                state = service.lock();
            }
            state.pool.set_busy(me, false);
            continue;
        }
        state.pool.idle += 1;
        let woken = service.work.wait_timeout(state, IDLE_TIME).unwrap_or_else(PoisonError::into_inner);
        state = woken.0;
        state.pool.idle -= 1;
        if woken.1.timed_out() && !state.timers.has_queued() {
            state.pool.members.remove(&me);
            return;
        }
    }
}

fn run(job: &Job) {
    // SAFETY:
    // 1. The timer is marked as running, so that nobody ends it meanwhile.
    // 2. The callback is what the user gave for it.
    unsafe {
        if let Some(callback) = (*job.timer).callback().filter(|_| job.calls) {
            callback(job.timer.cast());
        }
    }
}
