//! Starts the library's threads, and numbers the threads. Windows has no signals, so none can reach these threads.

use std::io;
use std::ptr::null_mut;
use std::sync::Once;
use std::thread::{Builder, JoinHandle};

use cogloop_io::memory::expect_bytes;
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
};

/// An upper bound, in bytes, for the memory that the standard library allocates for a thread, without the stack. Those
/// allocations cannot return an error.
const FOR_A_THREAD: usize = 16 << 10;

/// Starts a thread. From then on the library stays loaded, because the thread runs the library's code.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    expect_bytes(FOR_A_THREAD)?;
    static IS_KEPT: Once = Once::new();
    IS_KEPT.call_once(stay_loaded);
    Builder::new().name(name.into()).spawn(work)
}

/// Keeps the library loaded. On Linux an option of the linker does that.
fn stay_loaded() {
    let mut module = null_mut();
    let address = stay_loaded as fn() as *const u16;
    // SAFETY: with the first flag, the argument is not a name but an address in the module. The module's handle is
    // written to this stack frame.
    unsafe {
        GetModuleHandleExW(
            GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
            address,
            &raw mut module,
        )
    };
}

/// A number that no other living thread has. It is never 0.
#[inline(always)]
pub(crate) fn number() -> usize {
    thread_local!(static HERE: u8 = const { 0 });
    HERE.with(|here| std::ptr::from_ref(here).addr())
}
