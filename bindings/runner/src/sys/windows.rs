//! Windows. `unix` has the same functions.
//!
//! Ctrl-C comes in a thread that the system makes for it. On Unix the same handler runs in the thread of the script,
//! which does not go on meanwhile. The handler relies on that, so here the thread of the script is stopped while the
//! handler runs.

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::transmute;
use std::ptr::null_mut;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::SeqCst;
use windows_sys::Win32::Foundation::{DUPLICATE_SAME_ACCESS, DuplicateHandle};
use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, CTRL_C_EVENT, SetConsoleCtrlHandler};
use windows_sys::Win32::System::Diagnostics::Debug::{CONTEXT, CONTEXT_CONTROL_AMD64, GetThreadContext};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetCurrentThread, ResumeThread, SuspendThread, TerminateProcess,
};
use windows_sys::core::BOOL;

/// Called before anything else. Does nothing here.
pub(crate) fn prepare() {}

/// The thread that is stopped, and the function that is called then.
static THREAD: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
static HANDLER: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Calls this function on each later Ctrl-C and Ctrl-Break. The thread that calls `on_ctrl_c` is stopped meanwhile.
///
/// # Errors
///
/// The system's error.
///
/// # Safety
///
/// The function takes no lock and allocates no memory, because the stopped thread may hold that lock or may be
/// allocating.
pub(crate) unsafe fn on_ctrl_c(handler: fn()) -> io::Result<()> {
    let mut thread = null_mut();
    // SAFETY: the handles are the process's and the thread's own; the new one is never closed.
    let is_there = unsafe {
        let (process, current) = (GetCurrentProcess(), GetCurrentThread());
        DuplicateHandle(process, current, process, &raw mut thread, 0, 0, DUPLICATE_SAME_ACCESS)
    };
    if is_there == 0 {
        return Err(io::Error::last_os_error());
    }
    THREAD.store(thread, SeqCst);
    HANDLER.store(handler as *mut c_void, SeqCst);
    // SAFETY: the function is static.
    match unsafe { SetConsoleCtrlHandler(Some(on_event), 1) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Called by the system in a thread of its own. Returns true if the event was handled.
unsafe extern "system" fn on_event(event: u32) -> BOOL {
    let handler = HANDLER.load(SeqCst);
    if !matches!(event, CTRL_C_EVENT | CTRL_BREAK_EVENT) || handler.is_null() {
        return 0;
    }
    let thread = THREAD.load(SeqCst);
    // SAFETY: the thread's handle stays open. `SuspendThread` only requests the stop; the thread has stopped once its
    // context can be read. The handler came through `on_ctrl_c`, so it is safe to call while the thread is stopped.
    unsafe {
        let mut context: CONTEXT = std::mem::zeroed();
        context.ContextFlags = CONTEXT_CONTROL_AMD64;
        if SuspendThread(thread) == u32::MAX {
            return 0;
        }
        GetThreadContext(thread, &raw mut context);
        transmute::<*mut c_void, fn()>(handler)();
        ResumeThread(thread);
    }
    1
}

/// Ends the process at once, even if its threads hold locks.
pub(crate) fn exit(status: c_int) -> ! {
    // SAFETY: it is our own process.
    unsafe { TerminateProcess(GetCurrentProcess(), status.cast_unsigned()) };
    unreachable!("the process has ended")
}

/// Ends the process at once with this status.
pub(crate) fn end_by_ctrl_c(status: c_int) -> ! {
    exit(status)
}

/// Windows has no folder for the modules of a distribution. The built-in Lua looks beside the program.
pub(crate) fn modules(_: &str) -> [String; 2] {
    Default::default()
}

/// There is no prompt.
pub(crate) fn is_for_a_prompt() -> Option<bool> {
    None
}
