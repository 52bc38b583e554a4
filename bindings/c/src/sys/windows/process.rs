//! The exit of the process. Windows has no fork.
//!
//! ```text
//!   exit ──► functions of the C library's `atexit`; all threads run ──► ExitProcess ──► all other threads end
//!                                                                              └──► each DLL is told of the end
//! ```
//!
//! The `atexit` of a DLL calls its functions when the DLL is unloaded. By then the other threads are gone, and their
//! locks may stay locked for ever. So the library registers with the C library whose `exit` the program calls, and does
//! nothing when the DLL is unloaded.

use std::ffi::CStr;

use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleA, GetProcAddress};

/// The C libraries, each with its function that registers with `exit`.
const REGISTRIES: [(&CStr, &CStr); 2] = [(c"msvcrt.dll", c"_onexit"), (c"ucrtbase.dll", c"_crt_atexit")];

/// `_onexit` returns the function, and `_crt_atexit` returns a code. The result is not read.
type Register = unsafe extern "C" fn(extern "C" fn()) -> usize;

/// Registers a function that `exit` calls before it ends the process. If a program has several C libraries, the
/// function is registered with each.
pub(crate) fn at_exit(run: extern "C" fn()) {
    for (library, name) in REGISTRIES {
        if let Some(register) = function(library, name) {
            // SAFETY: the two functions take a function without arguments, and have this calling convention.
            let register: Register = unsafe { std::mem::transmute(register) };
            // SAFETY: the function may be called at any time, and the library stays loaded.
            unsafe { register(run) };
        }
    }
}

/// A function of a library that is loaded.
fn function(library: &CStr, name: &CStr) -> Option<unsafe extern "system" fn() -> isize> {
    // SAFETY: both are texts that end with a zero.
    unsafe {
        let library = GetModuleHandleA(library.as_ptr().cast());
        if library.is_null() { None } else { GetProcAddress(library, name.as_ptr().cast()) }
    }
}

/// Windows has no fork.
pub(crate) fn at_fork(_: Option<Hook>, _: Option<Hook>, _: Option<Hook>) {}

/// A function of [`at_fork`].
pub(crate) type Hook = unsafe extern "C" fn();

/// Whether the system has ended all other threads, because the process ends.
pub(crate) fn is_ending() -> bool {
    let Some(asks) = function(c"ntdll.dll", c"RtlDllShutdownInProgress") else { return false };
    // SAFETY: the function has this type: no arguments, and a byte as the answer.
    let asks: unsafe extern "system" fn() -> u8 = unsafe { std::mem::transmute(asks) };
    // SAFETY: the function only reads a variable of the process.
    unsafe { asks() != 0 }
}
