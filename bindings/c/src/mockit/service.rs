//! The service of a process: its timers, its pool of threads, and its timer thread. The service is made for the first
//! timer, and kept until the process ends.
//!
//! Another thread may fork at any time. The child then has a copy of the memory, in which a lock may be locked by a
//! thread that does not exist in the child. So making the service takes no lock: if two threads each make a service,
//! the second thread drops its own. All later work is done under the lock of the service. A child drops its reference
//! to the parent's service.

use std::ffi::c_int;
use std::io;
use std::ptr::slice_from_raw_parts_mut;
use std::sync::Condvar;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::layout::{self, Mockit};
use super::lock::{Lock, Locked};
use super::pool::{self, Need, Pool};
use super::time::now_ns;
use super::timers::{Ending, Job, Runner, Timers};
use crate::must_return::must_return;
use crate::sys::cancellation::NotCancelled;
use crate::sys::kernel_timer::KernelTimer;
use crate::sys::{errno, process, thread};

/// The time without work after which a thread ends.
const IDLE_TIME: Duration = Duration::from_secs(10);

/// Null before the first timer. Also null in a forked child until its own first timer, because threads do not survive a
/// fork.
static SERVICE: AtomicPtr<Service> = AtomicPtr::new(std::ptr::null_mut());

/// The state that the lock protects.
struct State {
    timers: Timers,
    pool: Pool,
    /// The time for which the kernel timer is set.
    wake_ns: u64,
    is_closing: bool,
    /// The number of threads that wait for a callback to return.
    waiting: usize,
    /// The timer thread, from the first timer on.
    keeper: Option<JoinHandle<()>>,
}

pub(super) struct Service {
    state: Lock<State>,
    /// Notified when there is a job for a thread of the pool.
    work: Condvar,
    /// Notified when a callback has returned, for the threads that wait for its end.
    finished: Condvar,
    kernel_timer: KernelTimer,
}

/// The service, if there is one.
pub(super) fn made() -> Option<&'static Service> {
    // SAFETY: the service is never freed.
    unsafe { SERVICE.load(Ordering::Acquire).as_ref() }
}

/// Returns the service. Makes it if there is none. The error is an error number of C.
pub(super) fn service() -> Result<&'static Service, c_int> {
    if let Some(service) = made() {
        return Ok(service);
    }
    let mut place = Vec::new();
    place.try_reserve_exact(1).map_err(|_| libc::ENOMEM)?;
    place.push(Service::new().map_err(number_of)?);
    hook();
    // The vector's capacity is 1, so it becomes a box without a new allocation.
    let mine = Box::into_raw(place.into_boxed_slice()).cast::<Service>();
    let made = SERVICE.compare_exchange(std::ptr::null_mut(), mine, Ordering::AcqRel, Ordering::Acquire);
    let service = made.map_or_else(
        |theirs| {
            // SAFETY: the pointer is from a box of one element, made above, and no other thread has seen it.
            drop(unsafe { Box::from_raw(slice_from_raw_parts_mut(mine, 1)) });
            theirs
        },
        |_| mine,
    );
    // SAFETY: as above.
    Ok(unsafe { &*service })
}

fn number_of(error: io::Error) -> c_int {
    match error.kind() {
        io::ErrorKind::OutOfMemory => libc::ENOMEM,
        _ => errno::of_c(&error).unwrap_or(libc::EAGAIN),
    }
}

/// Registers the functions for exit and for forked children with the C library. If two threads do this at the same
/// time, the functions are called twice, which is harmless.
fn hook() {
    static IS_DONE: AtomicBool = AtomicBool::new(false);
    if !IS_DONE.load(Ordering::Acquire) {
        process::at_exit(close_at_exit);
        process::at_fork(None, None, Some(forget_in_a_forked_child));
        IS_DONE.store(true, Ordering::Release);
    }
}

/// Ends the service at exit: no further callback starts, and all threads end except those inside a callback. This
/// function does not wait for a thread inside a callback: that thread may wait for ever, or may itself have called
/// `exit`.
extern "C" fn close_at_exit() {
    let Some(service) = made() else { return };
    let mut state = service.lock();
    state.is_closing = true;
    let threads = state.pool.take_free().chain(state.keeper.take());
    drop(state);
    service.kernel_timer.set(0);
    service.work.notify_all();
    for thread in threads {
        // A thread that panicked has printed its message.
        let _ = thread.join();
    }
}

extern "C" fn forget_in_a_forked_child() {
    SERVICE.store(std::ptr::null_mut(), Ordering::Release);
}

impl Service {
    fn new() -> io::Result<Self> {
        let state = State {
            timers: Timers::new(),
            pool: Pool::default(),
            wake_ns: u64::MAX,
            is_closing: false,
            waiting: 0,
            keeper: None,
        };
        Ok(Self {
            state: Lock::new(state),
            work: Condvar::new(),
            finished: Condvar::new(),
            kernel_timer: KernelTimer::new()?,
        })
    }

    fn lock(&self) -> Locked<'_, State> {
        self.state.lock()
    }

    /// # Safety
    /// `timer` points to an initialised timer that stays where it is until it has ended.
    pub(super) unsafe fn arm(&'static self, timer: *mut Mockit, ms: u64) -> c_int {
        let mut state = self.lock();
        if state.keeper.is_none() && !state.is_closing {
            match thread::spawn("cogloop timers", || self.keep_time()) {
                Ok(keeper) => state.keeper = Some(keeper),
                Err(error) => return number_of(error),
            }
        }
        // SAFETY: the caller keeps this function's contract.
        let Ok(deadline_ns) = (unsafe { state.timers.arm(timer, now_ns(), ms) }) else { return libc::ENOMEM };
        if deadline_ns < state.wake_ns {
            state.wake_ns = deadline_ns;
            self.kernel_timer.set(deadline_ns);
        }
        0
    }

    /// # Safety
    /// `timer` points to an initialised timer that has not ended.
    pub(super) unsafe fn disarm(&self, timer: *mut Mockit) -> c_int {
        // SAFETY: the caller keeps this function's contract.
        unsafe { self.lock().timers.disarm(timer) };
        0
    }

    /// # Safety
    /// `timer` points to an initialised timer that has not ended.
    pub(super) unsafe fn destroy(&self, timer: *mut Mockit) -> Ending {
        let me = pool::number();
        let mut state = self.lock();
        // SAFETY: the caller keeps this function's contract.
        let mut ending = unsafe { state.timers.destroy(timer, me, false) };
        while ending == Ending::Wait {
            state.waiting += 1;
            state = state.wait(&self.finished);
            state.waiting -= 1;
            // SAFETY: the same contract, and only this call ends the timer.
            ending = unsafe { state.timers.destroy(timer, me, true) };
        }
        ending
    }

    /// Ensures that a thread serves the jobs that wait.
    fn supervise(&'static self, state: &mut State, now_ns: u64) {
        match state.pool.need(state.timers.taken, state.timers.has_queued(), now_ns) {
            Need::Nothing => {}
            Need::Wake => self.work.notify_one(),
            Need::Thread(me) => {
                // If the system refuses a thread, for lack of memory or threads, the next check tries again.
                let threads = state.pool.threads();
                if state.timers.expect_thread(threads).is_ok()
                    && state.pool.expect_thread().is_ok()
                    && let Ok(handle) = thread::spawn("cogloop callbacks", move || serve(self, me))
                {
                    state.pool.add(me, handle);
                }
            }
        }
    }

    /// The timer thread.
    fn keep_time(&'static self) {
        loop {
            let mut state = self.lock();
            if state.is_closing {
                return;
            }
            let now_ns = now_ns();
            state.timers.expire(now_ns);
            self.supervise(&mut state, now_ns);
            let mut next_ns = state.timers.next_deadline();
            if state.timers.has_queued() {
                next_ns = next_ns.min(now_ns + pool::PATIENCE_NS);
            }
            state.wake_ns = next_ns;
            self.kernel_timer.set(next_ns);
            drop(state);
            self.kernel_timer.sleep();
        }
    }
}

/// The work of a thread of the pool. A callback may give this thread's id to other code. If that code tries to cancel
/// the thread, nothing happens.
fn serve(service: &'static Service, me: Runner) {
    let _whole = NotCancelled::new();
    pool::enlist(me);
    let mut state = service.lock();
    while !state.is_closing {
        if let Some(job) = state.timers.take(me) {
            state.pool.set_busy(me, true);
            drop(state);
            run(&job);
            state = service.lock();
            let is_over = state.timers.finish(job.timer);
            // A notification is a system call, so it is left out if no thread waits.
            if state.waiting > 0 {
                service.finished.notify_all();
            }
            if is_over {
                drop(state);
                // SAFETY: the timer is on no list of the service any more, and a timer ends once.
                unsafe { layout::end(job.timer) };
                state = service.lock();
            }
            state.pool.set_busy(me, false);
            continue;
        }
        state.pool.idle += 1;
        let has_waited_long;
        (state, has_waited_long) = state.wait_timeout(&service.work, IDLE_TIME);
        state.pool.idle -= 1;
        if has_waited_long && !state.timers.has_queued() {
            state.pool.remove(me);
            return;
        }
    }
}

fn run(job: &Job) {
    // The callback may enable cancellation for this thread. Dropping this value disables cancellation again.
    let _whole = NotCancelled::new();
    // SAFETY: the timer is marked as running, so no thread ends it meanwhile.
    if let Some(callback) = unsafe { (*job.timer).callback() }.filter(|_| job.calls) {
        // SAFETY: the user gave the callback for this timer.
        must_return("the callback of a timer of mockit.h", || unsafe { callback(job.timer.cast()) });
    }
}
