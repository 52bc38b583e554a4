//! `cog_loop_…`. The header describes each function.

use std::ffi::{c_char, c_int, c_void};
use std::time::SystemTime;

use cogloop_io::Wait;

use super::answer::{
    COG_ERROR_STALE, COG_ERROR_UNSUPPORTED, COG_OK, Failure, answer, answer_uncancelled, expect_memory,
};
use super::options::{CogOptions, CogStats};
use super::post::Post;
use super::state::Loop;
use super::{CogLoop, CogPostFn, put, registry, remotes};
use crate::sys::{errno, sources};

/// `COG_NEVER`. As a timeout it means no limit; as a time it means never.
pub(super) const COG_NEVER: u64 = u64::MAX;

/// Makes a loop.
///
/// # Safety
/// `options` is NULL or points to as many bytes as its `size` says. Its `backend` is NULL or a string. `loop` is NULL
/// or points to a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_loop_new(options: *const CogOptions, r#loop: *mut CogLoop) -> c_int {
    answer_uncancelled(|| {
        if r#loop.is_null() {
            return Err(Failure::argument("loop: NULL, but a pointer to a cog_loop is expected"));
        }
        expect_memory("options")?;
        // SAFETY: the caller keeps this function's contract.
        let (options, backend) = unsafe {
            let options = CogOptions::read(options)?;
            (options, options.backend())
        };
        let id = registry::add(|place| Loop::new(&options, backend, place))?;
        // SAFETY: the caller keeps this function's contract.
        unsafe { put(r#loop, CogLoop { id }) };
        Ok(())
    })
}

/// Ends a loop. If a callback of the loop makes this call, the memory is freed when the run has ended.
#[unsafe(no_mangle)]
pub extern "C" fn cog_loop_free(r#loop: CogLoop) -> c_int {
    answer_uncancelled(|| {
        registry::take(r#loop.id)?.close();
        Ok(())
    })
}

/// Runs until nothing is left, or until the loop is stopped.
#[unsafe(no_mangle)]
pub extern "C" fn cog_loop_run(r#loop: CogLoop) -> c_int {
    answer(|| running(r#loop)?.run())
}

/// Runs one turn.
///
/// # Safety
/// `is_alive` is NULL or points to a `bool`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_loop_run_once(r#loop: CogLoop, timeout_ns: u64, is_alive: *mut bool) -> c_int {
    answer(|| {
        let wait = match timeout_ns {
            0 => Wait::Poll,
            COG_NEVER => Wait::Block,
            _ => Wait::AtMost(timeout_ns),
        };
        let more = running(r#loop)?.run_once(wait)?;
        // A callback may have freed the loop.
        let more = more && registry::with(r#loop.id, |_| Ok(())).is_ok();
        // SAFETY: the caller keeps this function's contract.
        unsafe { put(is_alive, more) };
        Ok(())
    })
}

/// Runs one turn without waiting.
#[unsafe(no_mangle)]
pub extern "C" fn cog_loop_step(r#loop: CogLoop) -> c_int {
    answer(|| running(r#loop)?.run_once(Wait::Poll).map(drop))
}

/// Returns a reference to the loop. The loop lives until the end of the run, even if a callback frees it.
fn running(r#loop: CogLoop) -> Result<std::rc::Rc<Loop>, Failure> {
    registry::shared(r#loop.id)
}

/// Ends the run.
#[unsafe(no_mangle)]
pub extern "C" fn cog_loop_stop(r#loop: CogLoop) -> c_int {
    answer(|| {
        registry::with(r#loop.id, |found| {
            found.is_stopped.set(true);
            Ok(())
        })
    })
}

/// Sets whether a run waits for posts when there is nothing else to do.
#[unsafe(no_mangle)]
pub extern "C" fn cog_loop_keep_alive(r#loop: CogLoop, keeps: bool) -> c_int {
    answer(|| {
        registry::with(r#loop.id, |found| {
            found.is_kept_alive.set(keeps);
            Ok(())
        })
    })
}

/// Posts work to the loop's thread.
#[unsafe(no_mangle)]
pub extern "C" fn cog_loop_post(
    r#loop: CogLoop,
    r#fn: Option<CogPostFn>,
    discard: Option<CogPostFn>,
    ctx: *mut c_void,
) -> c_int {
    answer(|| {
        let run = r#fn.ok_or_else(|| Failure::argument("fn: NULL, but a function is expected"))?;
        registry::remote(r#loop.id)?.post(Post { run, discard, ctx })
    })
}

/// Ends the loop's wait. A signal handler may call this: it takes no lock and no memory. It keeps errno, and does not
/// change the thread's last message.
#[unsafe(no_mangle)]
pub extern "C" fn cog_loop_wake(r#loop: CogLoop) -> c_int {
    let woken = errno::keeping(|| remotes::enter(r#loop.id).map(|remote| remote.wake()));
    if woken.is_some() { COG_OK } else { COG_ERROR_STALE }
}

/// The loop's time.
///
/// # Safety
/// `now_ns` is NULL or points to a `uint64_t`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_loop_now(r#loop: CogLoop, now_ns: *mut u64) -> c_int {
    answer(|| {
        let now = registry::with(r#loop.id, |found| Ok(found.events.borrow().now_ns()))?;
        // SAFETY: the caller keeps this function's contract.
        unsafe { put(now_ns, now) };
        Ok(())
    })
}

/// The time at the end of the turn's wait, or at a later update.
///
/// # Safety
/// `now_ns` is NULL or points to a `uint64_t`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_loop_now_cached(r#loop: CogLoop, now_ns: *mut u64) -> c_int {
    answer(|| {
        let now = registry::with(r#loop.id, |found| Ok(found.cached_ns.get()))?;
        // SAFETY: the caller keeps this function's contract.
        unsafe { put(now_ns, now) };
        Ok(())
    })
}

/// Reads the clock for `cog_loop_now_cached`.
#[unsafe(no_mangle)]
pub extern "C" fn cog_loop_update_now(r#loop: CogLoop) -> c_int {
    answer(|| {
        registry::with(r#loop.id, |found| {
            found.cached_ns.set(found.events.borrow().now_ns());
            Ok(())
        })
    })
}

/// Converts a time of the loop to the time of day.
///
/// # Safety
/// `unix_ns` is NULL or points to an `int64_t`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_loop_wall_time(r#loop: CogLoop, at_ns: u64, unix_ns: *mut i64) -> c_int {
    answer(|| {
        let now_ns = registry::with(r#loop.id, |found| Ok(found.events.borrow().now_ns()))?;
        let wall_ns = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => after.as_nanos() as i128,
            Err(before) => -(before.duration().as_nanos() as i128),
        };
        let at = wall_ns + i128::from(at_ns) - i128::from(now_ns);
        // SAFETY: the caller keeps this function's contract.
        unsafe { put(unix_ns, at.clamp(i64::MIN.into(), i64::MAX.into()) as i64) };
        Ok(())
    })
}

/// Lets virtual time pass.
#[unsafe(no_mangle)]
pub extern "C" fn cog_loop_advance(r#loop: CogLoop, by_ns: u64) -> c_int {
    answer(|| {
        registry::with(r#loop.id, |found| {
            let real = || Failure::new(COG_ERROR_UNSUPPORTED, "loop: only a virtual clock can be advanced");
            found.clock.as_ref().ok_or_else(real)?.advance_ns(by_ns);
            Ok(())
        })
    })
}

/// The descriptor that an outer loop watches, if this loop runs inside it.
///
/// # Safety
/// `fd` is NULL or points to an `int`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_loop_pollable(r#loop: CogLoop, fd: *mut c_int) -> c_int {
    answer_uncancelled(|| {
        let number = registry::with(r#loop.id, |found| {
            sources::pollable(&mut found.events.borrow_mut()).map_err(|error| Failure::system("loop", &error))
        })?;
        // SAFETY: the caller keeps this function's contract.
        unsafe { put(fd, number) };
        Ok(())
    })
}

/// The time that the outer loop may wait.
///
/// # Safety
/// `timeout_ns` is NULL or points to a `uint64_t`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_loop_next_timeout(r#loop: CogLoop, timeout_ns: *mut u64) -> c_int {
    answer(|| {
        let timeout = registry::with(r#loop.id, |found| {
            let next = found.events.borrow_mut().next_timeout_ns();
            let next = next.map_err(|error| Failure::system("loop", &error))?;
            Ok(if found.has_posts() || found.hooks.are_busy() { 0 } else { next.unwrap_or(COG_NEVER) })
        })?;
        // SAFETY: the caller keeps this function's contract.
        unsafe { put(timeout_ns, timeout) };
        Ok(())
    })
}

/// The backend.
///
/// # Safety
/// Both outputs are NULL or point to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_loop_backend(
    r#loop: CogLoop,
    name: *mut *const c_char,
    reason: *mut *const c_char,
) -> c_int {
    answer(|| {
        registry::with(r#loop.id, |found| {
            // SAFETY: the caller keeps this function's contract.
            unsafe {
                let (its_name, its_reason) = found.report();
                put(name, its_name);
                put(reason, its_reason);
            }
            Ok(())
        })
    })
}

/// The loop's counters.
///
/// # Safety
/// `stats` is NULL or points to as many bytes as its `size` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_loop_stats(r#loop: CogLoop, stats: *mut CogStats) -> c_int {
    answer(|| {
        registry::with(r#loop.id, |found| {
            if stats.is_null() {
                return Err(Failure::argument("stats: NULL, but a pointer to a cog_stats is expected"));
            }
            // SAFETY: the caller keeps this function's contract.
            unsafe { found.stats().write(stats) }
        })
    })
}
