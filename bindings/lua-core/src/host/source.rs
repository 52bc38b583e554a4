//! A source of events that a Node owns: a signal, or the end of a child.

use super::memory::Source;
use crate::lua::guard::guard;
use crate::sys::descriptor::close;
use std::ptr::null_mut;

/// Closes a source; a second call does nothing. Makes no Lua call.
///
/// # Safety
///
/// Null, or a source whose userdata is alive.
pub(crate) unsafe fn release(source: *mut Source) {
    // SAFETY: the caller's promise. The source owns the descriptor and the memory that this function frees. It forgets
    // both before they are freed.
    unsafe {
        if source.is_null() {
            return;
        }
        let signals = std::mem::replace(&mut (*source).signals, null_mut());
        let pidfd = std::mem::replace(&mut (*source).pidfd, -1);
        (*source).pid = 0;
        (*source).state = null_mut();
        // A panic is dropped, because no caller could handle it.
        let _ = guard(|| {
            if !signals.is_null() {
                drop(Box::from_raw(signals));
            }
            if pidfd >= 0 {
                let _ = close(pidfd);
            }
            Ok(())
        });
    }
}
