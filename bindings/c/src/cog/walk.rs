//! `cog_loop_walk`: calls functions for all timers and watches of a loop.

use std::ffi::{c_int, c_void};

use cogloop_io::{Key, Token};

use super::answer::{Failure, answer, or_no_memory};
use super::state::Loop;
use super::{CogLoop, CogTimer, CogWalkTimerFn, CogWalkWatchFn, registry};
use crate::must_return::must_return;

const WALK: &str = "a function of cog_loop_walk";

/// Collects the keys before the first function is called: the functions may add and end timers and watches.
fn collected<T>(count: usize, all: impl Iterator<Item = T>) -> Result<Vec<T>, Failure> {
    let mut list = Vec::new();
    or_no_memory("loop", list.try_reserve_exact(count))?;
    list.extend(all.take(count));
    Ok(list)
}

impl Loop {
    fn has_timer(&self, key: Key) -> bool {
        self.events.borrow().timer(key).is_some()
    }

    fn has_watch(&self, token: Token) -> bool {
        self.events.borrow().interest(token).is_some()
    }
}

/// Calls `each_timer` for each timer, then `each_watch` for each watch.
///
/// # Safety
/// Both functions may be called with `arg`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_loop_walk(
    r#loop: CogLoop,
    each_timer: Option<CogWalkTimerFn>,
    each_watch: Option<CogWalkWatchFn>,
    arg: *mut c_void,
) -> c_int {
    answer(|| {
        let found = registry::shared(r#loop.id)?;
        let timers =
            collected(found.events.borrow().timers(), found.events.borrow().iter_timers().map(|(key, ..)| key))?;
        let watches = collected(
            found.watches.borrow().iter().flatten().count(),
            found.watches.borrow().iter().flatten().map(|(token, _)| *token),
        )?;
        let is_there = || registry::with(r#loop.id, |_| Ok(())).is_ok();
        if let Some(each) = each_timer {
            for key in timers {
                if is_there() && found.has_timer(key) {
                    // SAFETY: the caller keeps this function's contract, and nothing of the loop is borrowed.
                    must_return(WALK, || unsafe { each(CogTimer { loop_id: found.id, key: key.to_bits() }, arg) });
                }
            }
        }
        if let Some(each) = each_watch {
            for token in watches {
                if is_there() && found.has_watch(token) {
                    // SAFETY: as above.
                    must_return(WALK, || unsafe { each(found.watch_name(token), arg) });
                }
            }
        }
        Ok(())
    })
}
