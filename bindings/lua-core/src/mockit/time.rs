//! Sleeping by the clock of `luamockit`, which also counts while the machine sleeps.

use super::queue::NS_PER_MS;
use crate::lua::interrupt;
pub(super) use crate::sys::boot_time::{Alarm, now_ns, sleep_until};
use crate::sys::{boot_time, errno};

/// Sleeps. If `resume` is not set, a signal ends the sleep. An interrupt always ends it. Returns the milliseconds that
/// are left, rounded up, and the error number.
pub(super) fn sleep(ms: u64, resume: bool) -> (u64, i32) {
    let end_ns = now_ns().saturating_add(ms.saturating_mul(NS_PER_MS));
    let left_ms = |left_ns: u64| left_ns.div_ceil(NS_PER_MS);
    loop {
        let left_ns = end_ns.saturating_sub(now_ns());
        match boot_time::sleep(left_ns) {
            Ok(None) => return (0, 0),
            Ok(Some(_)) if resume && !interrupt::pending() => {}
            Ok(Some(left_ns)) => return (left_ms(left_ns), errno::EINTR),
            Err(number) => return (left_ms(left_ns), number),
        }
    }
}
