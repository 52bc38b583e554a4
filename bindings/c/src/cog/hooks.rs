//! `cog_hook_…`: functions that are called in each turn. The header describes each function.

use std::ffi::{c_int, c_void};

use super::answer::{Failure, answer};
use super::hook_list::When;
use super::{CogHook, CogLoop, CogPostFn, put, registry};

const COG_HOOK_IDLE: c_int = 1;
const COG_HOOK_PREPARE: c_int = 2;
const COG_HOOK_CHECK: c_int = 3;

/// Adds a hook.
///
/// # Safety
/// `hook` is NULL or points to a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_hook_add(
    r#loop: CogLoop,
    when: c_int,
    r#fn: Option<CogPostFn>,
    ctx: *mut c_void,
    hook: *mut CogHook,
) -> c_int {
    answer(|| {
        let run = r#fn.ok_or_else(|| Failure::argument("fn: NULL, but a function is expected"))?;
        let when = match when {
            COG_HOOK_IDLE => When::Idle,
            COG_HOOK_PREPARE => When::Prepare,
            COG_HOOK_CHECK => When::Check,
            other => return Err(Failure::argument_in_words(format_args!("when: {other} is not a COG_HOOK_ constant"))),
        };
        let number = registry::with(r#loop.id, |found| found.hooks.add(when, run, ctx))?;
        // SAFETY: the caller keeps this function's contract.
        unsafe { put(hook, CogHook { loop_id: r#loop.id, number }) };
        Ok(())
    })
}

/// Removes a hook.
#[unsafe(no_mangle)]
pub extern "C" fn cog_hook_remove(hook: CogHook) -> c_int {
    answer(|| registry::with(hook.loop_id, |found| found.hooks.remove(hook.number)))
}
