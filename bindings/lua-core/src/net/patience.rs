//! Whether a call on a socket may block. In a callback it must not block if a loop observes the socket. Another
//! callback or process may have taken the reported input, and then the call would block the whole loop.
//!
//! | socket | in a callback | elsewhere |
//! |---|---|---|
//! | observed for that direction, or a coroutine has waited for it | returns EAGAIN instead of blocking | blocks if the socket does |
//! | any other | blocks if the socket does | blocks if the socket does |
//!
//! On Unix the socket's O_NONBLOCK is not changed, because other processes may share the open socket and with it the
//! flag. Windows makes the socket non-blocking for the call.

use crate::host::memory::SocketBlock;
use crate::lua::interrupt::is_running;
use cogloop_io::Interest;
use socket2::Socket;
use std::ffi::c_int;
use std::io;

/// Whether a call that reads or writes may wait.
///
/// # Safety
///
/// The socket lives, and no reference into a loop's state is alive.
pub(super) unsafe fn may_wait(socket: *const SocketBlock, direction: Interest) -> bool {
    // SAFETY: the caller's promise; a Node in a socket's list lives.
    unsafe {
        if !is_running() {
            return true;
        }
        let mut node = (*socket).observers;
        while let Some(observer) = node.as_ref() {
            if observer.interest.contains(direction) {
                return false;
            }
            node = observer.next_observer;
        }
        !(*socket).waited.contains(direction)
    }
}

/// Does `work` on the socket's descriptor. `work` calls `send` or `recv` with the flags that it gets. If the call must
/// not wait, the flags prevent waiting.
///
/// # Errors
///
/// The error of `work`; EAGAIN if the call may not wait and would have to.
///
/// # Safety
///
/// As for [`may_wait`].
pub(super) unsafe fn patiently<R>(
    block: *const SocketBlock,
    direction: Interest,
    socket: &Socket,
    work: impl FnOnce(c_int) -> io::Result<R>,
) -> io::Result<R> {
    // SAFETY: the caller's promise.
    unsafe { if may_wait(block, direction) { work(0) } else { (*block).mode.at_once(socket, work) } }
}
