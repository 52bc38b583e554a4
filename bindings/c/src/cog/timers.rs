//! `cog_timer_…`. The header describes each function.

use std::ffi::{c_int, c_void};
use std::num::NonZeroU64;

use cogloop_io::{AddError, EventLoop, Key, Missed, Plan};

use super::answer::{Failure, answer, answer_quickly, or_no_memory};
use super::loops::COG_NEVER;
use super::options::CogPlan;
use super::state::{Call, Loop};
use super::{CogLoop, CogPostFn, CogTimer, CogTimerFn, put, registry};

const COG_MISSED_SKIP: c_int = 0;
const COG_MISSED_BURST: c_int = 1;
const COG_MISSED_DELAY: c_int = 2;

/// Fires once, after a delay.
///
/// # Safety
/// `timer` is NULL or points to a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_timer_after(
    r#loop: CogLoop,
    delay_ns: u64,
    r#fn: Option<CogTimerFn>,
    ctx: *mut c_void,
    timer: *mut CogTimer,
) -> c_int {
    let quick = |found: &Loop, run| {
        found.quickly(|events| {
            let deadline_ns = found.now_for_delays(events).saturating_add(delay_ns);
            let added = events.add_timer_at_quickly(deadline_ns, Call { run, ctx });
            // SAFETY: the caller keeps this function's contract.
            added.inspect(|key| unsafe { put(timer, CogTimer { loop_id: r#loop.id, key: key.to_bits() }) }).is_some()
        })
    };
    // A delay of 0 needs more: the timer is due in the next turn, also if that begins in the same tick.
    let quickly = || match r#fn {
        Some(run) if delay_ns > 0 => registry::with_quickly(r#loop.id, |found| quick(found, run)),
        _ => false,
    };
    // SAFETY: as above.
    answer_quickly(quickly, || unsafe { after(r#loop, delay_ns, r#fn, ctx, timer) })
}

/// # Safety
/// `timer` is NULL or points to a handle.
#[inline(never)]
unsafe extern "C" fn after(
    r#loop: CogLoop,
    delay_ns: u64,
    r#fn: Option<CogTimerFn>,
    ctx: *mut c_void,
    timer: *mut CogTimer,
) -> c_int {
    // SAFETY: the caller keeps this function's contract.
    answer(|| unsafe {
        arm(r#loop, r#fn, ctx, timer, |found, events, call| {
            let now_ns = found.now_for_delays(events);
            events.try_add_timer_from(now_ns, delay_ns, call)
        })
    })
}

/// Fires once, at a time.
///
/// # Safety
/// `timer` is NULL or points to a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_timer_at(
    r#loop: CogLoop,
    deadline_ns: u64,
    r#fn: Option<CogTimerFn>,
    ctx: *mut c_void,
    timer: *mut CogTimer,
) -> c_int {
    // SAFETY: the caller keeps this function's contract.
    answer(|| unsafe { arm(r#loop, r#fn, ctx, timer, |_, events, call| events.try_add_timer_at(deadline_ns, call)) })
}

/// Fires periodically.
///
/// # Safety
/// `timer` is NULL or points to a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_timer_every(
    r#loop: CogLoop,
    period_ns: u64,
    missed: c_int,
    r#fn: Option<CogTimerFn>,
    ctx: *mut c_void,
    timer: *mut CogTimer,
) -> c_int {
    answer(|| {
        let period =
            NonZeroU64::new(period_ns).ok_or_else(|| Failure::argument("period_ns: 0, but it must be at least 1"))?;
        let missed = missed_of(missed.into(), "missed")?;
        let add = |found: &Loop, events: &mut EventLoop<Call>, call| {
            let first_ns = found.now_for_delays(events).saturating_add(period_ns);
            let plan = Plan::every(first_ns, period, missed).with_slack(events.slack_ns());
            events.try_add_planned(plan, call)
        };
        // SAFETY: the caller keeps this function's contract.
        unsafe { arm(r#loop, r#fn, ctx, timer, add) }
    })
}

fn missed_of(missed: i64, name: &str) -> Result<Missed, Failure> {
    match c_int::try_from(missed) {
        Ok(COG_MISSED_SKIP) => Ok(Missed::Skip),
        Ok(COG_MISSED_BURST) => Ok(Missed::Burst),
        Ok(COG_MISSED_DELAY) => Ok(Missed::Delay),
        _ => Err(Failure::argument_in_words(format_args!("{name}: {missed} is not a COG_MISSED_ constant"))),
    }
}

/// Fires as the plan says.
///
/// # Safety
/// `plan` is NULL or points to as many bytes as its `size` says; `timer` is NULL or points to a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_timer_add(
    r#loop: CogLoop,
    plan: *const CogPlan,
    r#fn: Option<CogTimerFn>,
    ctx: *mut c_void,
    timer: *mut CogTimer,
) -> c_int {
    answer(|| {
        // SAFETY: the caller keeps this function's contract.
        let plan = unsafe { CogPlan::read(plan)? };
        let missed = missed_of(plan.missed.into(), "plan->missed")?;
        let period = NonZeroU64::new(plan.period_ns);
        let add = |found: &Loop, events: &mut EventLoop<Call>, call| {
            let deadline = found.now_for_delays(events).saturating_add(plan.delay_ns);
            let slack = plan.slack_ns(events.slack_ns());
            events.try_add_planned(Plan { deadline, period, missed, slack }, call)
        };
        // SAFETY: the same contract.
        unsafe { arm(r#loop, r#fn, ctx, timer, add) }
    })
}

/// Makes a stopped timer, which is kept after it has fired.
///
/// # Safety
/// `timer` is NULL or points to a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_timer_new(
    r#loop: CogLoop,
    r#fn: Option<CogTimerFn>,
    ctx: *mut c_void,
    timer: *mut CogTimer,
) -> c_int {
    // SAFETY: the caller keeps this function's contract.
    answer(|| unsafe { arm(r#loop, r#fn, ctx, timer, |_, events, call| events.try_add_kept_timer(call)) })
}

/// # Safety
/// `timer` is NULL or points to a handle.
#[inline(always)]
unsafe fn arm(
    r#loop: CogLoop,
    run: Option<CogTimerFn>,
    ctx: *mut c_void,
    timer: *mut CogTimer,
    add: impl FnOnce(&Loop, &mut EventLoop<Call>, Call) -> Result<Key, AddError>,
) -> Result<(), Failure> {
    let run = not_null(run)?;
    let key = registry::with(r#loop.id, |found| {
        let added = add(found, &mut found.events.borrow_mut(), Call { run, ctx });
        added.map_err(refused)
    })?;
    // SAFETY: the caller keeps this function's contract.
    unsafe { put(timer, CogTimer { loop_id: r#loop.id, key: key.to_bits() }) };
    Ok(())
}

/// The function, or an error if the caller has given NULL.
fn not_null(run: Option<CogTimerFn>) -> Result<CogTimerFn, Failure> {
    run.ok_or_else(|| Failure::argument("fn: NULL, but a function is expected"))
}

#[cold]
#[inline(never)]
fn refused(why: AddError) -> Failure {
    Failure::system("loop", &why.into())
}

/// Calls `f`, which returns `None` if there is no such timer.
#[inline(always)]
fn find<T>(timer: CogTimer, f: impl FnOnce(&Loop, &mut EventLoop<Call>, Key) -> Option<T>) -> Result<T, Failure> {
    registry::with(timer.loop_id, |found| {
        let key = Key::from_bits(timer.key).ok_or(Failure::STALE_TIMER)?;
        f(found, &mut found.events.borrow_mut(), key).ok_or(Failure::STALE_TIMER)
    })
}

/// The quick way of a call: calls `f`, which returns false if the call needs more.
#[inline(always)]
fn quickly(timer: CogTimer, f: impl FnOnce(&Loop, Key) -> bool) -> bool {
    registry::with_quickly(timer.loop_id, |found| Key::from_bits(timer.key).is_some_and(|key| f(found, key)))
}

/// Calls `f` if there is such a timer.
fn with<T>(timer: CogTimer, f: impl FnOnce(&mut EventLoop<Call>, Key) -> T) -> Result<T, Failure> {
    find(timer, |_, events, key| events.timer(key).is_some().then(|| f(events, key)))
}

/// The timer's callback.
///
/// # Safety
/// `fn` is NULL or points to a `cog_timer_fn`, `ctx` is NULL or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_timer_callback(
    timer: CogTimer,
    r#fn: *mut Option<CogTimerFn>,
    ctx: *mut *mut c_void,
) -> c_int {
    answer(|| {
        let call = find(timer, |_, events, key| events.timer(key).copied())?;
        // SAFETY: the caller keeps this function's contract.
        unsafe {
            put(r#fn, Some(call.run));
            put(ctx, call.ctx);
        }
        Ok(())
    })
}

/// Sets the function that frees a timer's `ctx` when the timer has ended.
#[unsafe(no_mangle)]
pub extern "C" fn cog_timer_on_end(timer: CogTimer, r#fn: Option<CogPostFn>) -> c_int {
    answer(|| {
        let set = |found: &Loop, events: &mut EventLoop<Call>, key| {
            events.timer(key).is_some().then(|| found.ends.set_timer(key, r#fn))
        };
        find(timer, set)?
    })
}

/// The timer's deadline.
///
/// # Safety
/// `deadline_ns` is NULL or points to a `uint64_t`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_timer_deadline(timer: CogTimer, deadline_ns: *mut u64) -> c_int {
    answer(|| {
        let deadline = with(timer, |events, key| events.deadline_ns(key))?;
        // SAFETY: the caller keeps this function's contract.
        unsafe { put(deadline_ns, deadline.unwrap_or(COG_NEVER)) };
        Ok(())
    })
}

/// Sets the timer's callback.
#[unsafe(no_mangle)]
pub extern "C" fn cog_timer_set_callback(timer: CogTimer, r#fn: Option<CogTimerFn>, ctx: *mut c_void) -> c_int {
    answer(|| {
        let run = not_null(r#fn)?;
        find(timer, |_, events, key| events.timer_mut(key).map(|call| *call = Call { run, ctx }))
    })
}

/// Ends a timer.
#[unsafe(no_mangle)]
pub extern "C" fn cog_timer_cancel(timer: CogTimer) -> c_int {
    let quick = |found: &Loop, key| {
        !found.ends.are_used() && found.quickly(|events| events.cancel_timer_quickly(key).is_some())
    };
    answer_quickly(|| quickly(timer, quick), || cancel(timer))
}

#[inline(never)]
extern "C" fn cancel(timer: CogTimer) -> c_int {
    answer(|| {
        let end = find(timer, |found, events, key| {
            let call = events.cancel_timer(key)?;
            Some(found.ends.are_used().then(|| found.end_of_timer(key, call.ctx)).flatten())
        })?;
        end.inspect(|end| end.call());
        Ok(())
    })
}

/// Sets a new deadline.
#[unsafe(no_mangle)]
pub extern "C" fn cog_timer_reschedule(timer: CogTimer, delay_ns: u64) -> c_int {
    let quick = |found: &Loop, key| {
        found.quickly(|events| {
            let deadline_ns = found.now_for_delays(events).saturating_add(delay_ns);
            events.reschedule_timer_at_quickly(key, deadline_ns)
        })
    };
    answer_quickly(|| quickly(timer, quick), || reschedule(timer, delay_ns))
}

#[inline(never)]
extern "C" fn reschedule(timer: CogTimer, delay_ns: u64) -> c_int {
    answer(|| {
        find(timer, |found, events, key| {
            let deadline_ns = found.now_for_delays(events).saturating_add(delay_ns);
            events.reschedule_timer_at(key, deadline_ns).then_some(())
        })
    })
}

/// Stops a timer: it has no deadline until it is rescheduled.
#[unsafe(no_mangle)]
pub extern "C" fn cog_timer_stop(timer: CogTimer) -> c_int {
    let quick = |found: &Loop, key| found.quickly(|events| events.stop_timer_quickly(key));
    answer_quickly(|| quickly(timer, quick), || stop(timer))
}

#[inline(never)]
extern "C" fn stop(timer: CogTimer) -> c_int {
    answer(|| find(timer, |_, events, key| events.stop_timer(key).then_some(())))
}

/// Pauses a timer.
#[unsafe(no_mangle)]
pub extern "C" fn cog_timer_pause(timer: CogTimer) -> c_int {
    answer(|| {
        let paused = with(timer, EventLoop::try_pause_timer)?;
        paused.map(drop).map_err(|refused| Failure::system("timer", &refused.into()))
    })
}

/// Resumes a timer.
#[unsafe(no_mangle)]
pub extern "C" fn cog_timer_resume(timer: CogTimer) -> c_int {
    answer(|| with(timer, EventLoop::resume_timer).map(drop))
}

/// The remaining time to the deadline.
///
/// # Safety
/// `remaining_ns` is NULL or points to a `uint64_t`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_timer_remaining(timer: CogTimer, remaining_ns: *mut u64) -> c_int {
    answer(|| {
        let left = with(timer, |events, key| {
            let left_ns = events.remaining_ns(key).unwrap_or_default();
            // A deadline at the end of time means never, also for a paused timer.
            if events.now_ns().saturating_add(left_ns) == COG_NEVER { COG_NEVER } else { left_ns }
        })?;
        // SAFETY: the caller keeps this function's contract.
        unsafe { put(remaining_ns, left) };
        Ok(())
    })
}

/// References a timer: it keeps the loop running.
#[unsafe(no_mangle)]
pub extern "C" fn cog_timer_ref(timer: CogTimer) -> c_int {
    answer(|| with(timer, EventLoop::ref_timer).map(drop))
}

/// Unreferences a timer: it does not keep the loop running.
#[unsafe(no_mangle)]
pub extern "C" fn cog_timer_unref(timer: CogTimer) -> c_int {
    answer(|| or_no_memory("timer", with(timer, EventLoop::try_unref_timer)?).map(drop))
}
